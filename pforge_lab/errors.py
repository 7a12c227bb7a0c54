"""Every error this package raises, drawn as a tree.

::

    PforgeError
    ├── SpecError            a pipeline file or definition is wrong (all faults at once)
    ├── ParamError           a parameter is missing, unknown or of the wrong type (all at once)
    ├── TemplateError        a template or condition cannot be evaluated
    ├── ToolError            a command or a request failed
    ├── StepError            a tool raised; chained to the original
    │   └── StepTimeout      a tool took longer than it may
    ├── RunError             a run cannot do what was asked
    │   ├── RunNotFound      no run of that id in the places looked at       (LookupError)
    │   ├── PositionError    no such position or label on the current line   (LookupError)
    │   ├── VariableNotFound no such variable at that position               (LookupError)
    │   ├── RunBusy          another process is advancing this run
    │   └── NotKept          the value could not be serialised when the snapshot was taken
    ├── StateError           a store cannot do what was asked
    │   ├── StateLocked      another process has the store open for writing
    │   ├── StateCorrupt     the store is damaged, or is not one of ours
    │   ├── StateClosed      used after close()
    │   ├── StateReadOnly    written to although opened with mode="r"
    │   ├── StateConflict    the guard of a batch no longer matches
    │   └── StateFull        disk, quota or size limit reached
    ├── UntrustedData        data beyond the safe list without a valid signature
    └── UsageError           a command or a call was used wrongly
        ├── WrongType        an argument is of the wrong type                (TypeError)
        └── WrongValue       an argument is of the right type, out of range  (ValueError)

Facts are attributes, so that code never has to parse a message; a message is one line
that ends with the next move.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

__all__ = [
    "Fault",
    "NotKept",
    "ParamError",
    "PforgeError",
    "PositionError",
    "RunBusy",
    "RunError",
    "RunNotFound",
    "SpecError",
    "StateClosed",
    "StateConflict",
    "StateCorrupt",
    "StateError",
    "StateFull",
    "StateLocked",
    "StateReadOnly",
    "StepError",
    "StepTimeout",
    "TemplateError",
    "ToolError",
    "UntrustedData",
    "UsageError",
    "VariableNotFound",
    "WrongType",
    "WrongValue",
    "near_misses",
]


class PforgeError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        One line: what is wrong, where, and the next move.
    **facts
        Attributes of the error. They survive pickling, so an error raised in a worker
        process arrives whole.

    Examples
    --------
    >>> error = StateLocked("lab.fs is in use by process 42", pid=42)
    >>> error.pid
    42
    """

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.__dict__.update(facts)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a pipeline definition.

    Attributes
    ----------
    message
        What is wrong and the next move.
    file, line
        Where; None for definitions made in Python. Lines count from 1.
    field
        Dotted path of the field, such as ``steps.2.input``.

    Examples
    --------
    >>> str(Fault("unknown field 'outputvar', did you mean 'output_var'?", "day.yaml", 7, "steps.0.outputvar"))
    "day.yaml:7: steps.0.outputvar: unknown field 'outputvar', did you mean 'output_var'?"
    """

    message: str
    file: str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        """Return the fault as compilers print theirs: ``file:line: field: message``."""
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ": ".join(part for part in (place, self.field, self.message) if part)


class _Faulty(PforgeError):
    faults: tuple[Fault, ...] = ()

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> _Faulty:
        """Make one error of all faults, one line each."""
        listed = tuple(faults)
        return cls("\n".join(map(str, listed)), faults=listed)


class SpecError(_Faulty):
    """A pipeline definition is wrong; ``faults`` lists everything that is."""


class ParamError(_Faulty):
    """Parameters are missing, unknown or wrong; ``faults`` lists everything that is."""


class TemplateError(PforgeError):
    """A template or condition cannot be evaluated."""

    step: str | None = None
    expression: str | None = None
    defined: tuple[str, ...] = ()


class ToolError(PforgeError):
    """A command or a request failed. ``exit_code`` is the command's, ``status`` the answer's."""

    tool: str | None = None
    exit_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None
    status: int | None = None
    retry_after: float | None = None


class StepError(PforgeError):
    """A tool raised; the original is ``__cause__``. The run is at the position before the step."""

    run: str | None = None
    step: int | None = None
    label: str | None = None
    tool: str | None = None


class StepTimeout(StepError):
    """A tool took longer than its timeout (``seconds``)."""

    seconds: float | None = None


class RunError(PforgeError):
    """A run cannot do what was asked."""

    run: str | None = None


class RunNotFound(RunError, LookupError):
    """There is no run of that id in the places that were looked at."""


class PositionError(RunError, LookupError):
    """There is no such position or label on the run's current line."""


class VariableNotFound(RunError, LookupError):
    """There is no variable of that name at that position."""

    name: str | None = None


class RunBusy(RunError):
    """The run is being advanced by somebody else."""

    owner: str | None = None
    since: datetime | None = None


class NotKept(RunError):
    """The value could not be serialised when its snapshot was taken."""

    name: str | None = None
    reason: str | None = None
    label: str | None = None


class StateError(PforgeError):
    """A store cannot do what was asked."""

    url: str | None = None
    key: str | None = None


class StateLocked(StateError):
    """Another process has the store open for writing."""

    path: Path | None = None
    pid: int | None = None
    since: datetime | None = None
    notebook: str | None = None


class StateCorrupt(StateError):
    """The store is damaged, truncated, or is not one of ours. Nothing was written."""


class StateClosed(StateError, ValueError):
    """The store was used after ``close()``."""


class StateReadOnly(StateError):
    """The store was opened with ``mode="r"`` and cannot be written to."""


class StateConflict(StateError):
    """The guard of a batch no longer matches, so nothing of the batch was written."""

    keys: tuple[str, ...] = ()


class StateFull(StateError):
    """The disk, a quota or a size limit is reached. What was stored before stands."""


class UntrustedData(PforgeError):
    """Data names code beyond the safe list and carries no valid signature. Nothing was executed."""

    name: str | None = None


class UsageError(PforgeError):
    """A command or a call was used wrongly."""


class WrongType(UsageError, TypeError):
    """An argument is of the wrong type; the message says which type it should be."""

    key: str | None = None


class WrongValue(UsageError, ValueError):
    """An argument is of the right type but out of range; the message says what may be."""

    key: str | None = None


def near_misses(word: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"`` or the list of what there is: the next move for a wrong name.

    Parameters
    ----------
    word
        What was asked for.
    known
        What there is.

    Examples
    --------
    >>> near_misses("fligths", ["flights", "clean"])
    ", did you mean 'flights'?"
    >>> near_misses("x", ["flights", "clean"])
    "; there are 'clean', 'flights'"
    >>> near_misses("x", [])
    '; there are none'
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if close:
        return ", did you mean " + " or ".join(repr(name) for name in close) + "?"
    if not names:
        return "; there are none"
    shown = ", ".join(repr(name) for name in names[:20])
    return f"; there are {shown}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")
