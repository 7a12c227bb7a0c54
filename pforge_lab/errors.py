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
    """A pipeline definition is wrong; ``faults`` lists everything that is.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.Pipeline("daily", steps=[{"tool": "fetch", "inptu": {}}])
    Traceback (most recent call last):
        ...
    pforge_lab.errors.SpecError: steps.0.inptu: unknown field 'inptu', did you mean 'input'?
    """


class ParamError(_Faulty):
    """Parameters are missing, unknown or wrong; ``faults`` lists everything that is.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def half(x: float): return x / 2
    >>> pf.Pipeline.from_functions("halves", half).start({"x": "3"}, state="memory:")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.ParamError: x: must be a float, not '3' (string)
    """


class TemplateError(PforgeError):
    """A template or condition cannot be evaluated.

    Examples
    --------
    >>> from pforge_lab.pipeline.templates import compile_value
    >>> compile_value("{{ user.amount }}").render({"user": {"amuont": 3}})
    Traceback (most recent call last):
        ...
    pforge_lab.errors.TemplateError: '{{ user.amount }}': there is no 'amount', did you mean 'amuont'?
    """

    step: str | None = None
    expression: str | None = None
    defined: tuple[str, ...] = ()


class ToolError(PforgeError):
    """A command or a request failed. ``exit_code`` is the command's, ``status`` the answer's.

    Examples
    --------
    >>> error = ToolError("'ls' ended with exit code 2", tool="ls", exit_code=2, stderr="no such file")
    >>> error.exit_code, error.status
    (2, None)
    """

    tool: str | None = None
    exit_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None
    status: int | None = None
    retry_after: float | None = None


class StepError(PforgeError):
    """A tool raised; the original is ``__cause__``. The run is at the position before the step.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def ratio(x: int): return 1 / x
    >>> run = pf.Pipeline.from_functions("ratios", ratio).start({"x": 0}, state="memory:")
    >>> try:
    ...     run.step()
    ... except pf.StepError as error:
    ...     error.step, error.label, error.__cause__
    (1, 'ratio', ZeroDivisionError('division by zero'))
    >>> run.position, run.status
    (0, 'failed')
    """

    run: str | None = None
    step: int | None = None
    label: str | None = None
    tool: str | None = None


class StepTimeout(StepError):
    """A tool took longer than its timeout (``seconds``).

    Examples
    --------
    >>> import time, pforge_lab as pf
    >>> nap = pf.Step(lambda: time.sleep(0.2), label="nap", timeout_ms=10)
    >>> try:
    ...     pf.Pipeline("naps", steps=[nap]).run(state="memory:")
    ... except pf.StepTimeout as error:
    ...     error.label, error.seconds
    ('nap', 0.01)
    """

    seconds: float | None = None


class RunError(PforgeError):
    """A run cannot do what was asked.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> pf.Pipeline.from_functions("p", one).start(state="memory:").set()
    Traceback (most recent call last):
        ...
    pforge_lab.errors.RunError: set takes at least one NAME=VALUE
    """

    run: str | None = None


class RunNotFound(RunError, LookupError):
    """There is no run of that id in the places that were looked at.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_run("nope", state="memory:nothing-here")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.RunNotFound: there are no runs in memory:nothing-here yet; ...
    """


class PositionError(RunError, LookupError):
    """There is no such position or label on the run's current line.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def half(x: float): return x / 2
    >>> pf.Pipeline.from_functions("halves", half).start({"x": 1.0}, state="memory:").goto("hlaf")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.PositionError: there is no step 'hlaf', did you mean 'half'?
    """


class VariableNotFound(RunError, LookupError):
    """There is no variable of that name at that position.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def half(x: float): return x / 2
    >>> pf.Pipeline.from_functions("halves", half).start({"x": 1.0}, state="memory:")["y"]
    Traceback (most recent call last):
        ...
    pforge_lab.errors.VariableNotFound: there is no variable 'y' at position 0; there are 'x'
    """

    name: str | None = None


class RunBusy(RunError):
    """The run is being advanced by somebody else.

    Examples
    --------
    >>> error = RunBusy("run r1 is being advanced by process 42", run="r1", owner="process 42")
    >>> error.run, error.owner
    ('r1', 'process 42')
    """

    owner: str | None = None
    since: datetime | None = None


class NotKept(RunError):
    """The value could not be serialised when its snapshot was taken.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def numbers(): return (i for i in range(3))
    >>> run = pf.Pipeline.from_functions("p", numbers).start(state="memory:")
    >>> record = run.step()
    >>> try:
    ...     run.at(1)["numbers"]
    ... except pf.NotKept as error:
    ...     error.name, error.label
    ('numbers', 'numbers')
    """

    name: str | None = None
    reason: str | None = None
    label: str | None = None


class StateError(PforgeError):
    """A store cannot do what was asked.

    Examples
    --------
    >>> error = StateError("redis://lab cannot be reached", url="redis://lab")
    >>> error.url
    'redis://lab'
    """

    url: str | None = None
    key: str | None = None


class StateLocked(StateError):
    """Another process has the store open for writing.

    Examples
    --------
    >>> error = StateLocked("lab.fs is in use by process 42", pid=42)
    >>> error.pid, error.notebook
    (42, None)
    """

    path: Path | None = None
    pid: int | None = None
    since: datetime | None = None
    notebook: str | None = None


class StateCorrupt(StateError):
    """The store is damaged, truncated, or is not one of ours. Nothing was written.

    Examples
    --------
    >>> import pathlib, tempfile, pforge_lab as pf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "lab.fs")
    ...     size = path.write_bytes(b"hello" * 100)
    ...     pf.open_state(path)
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateCorrupt: ... is no ZODB file (it begins with b'hell'); nothing was written, give another path
    """


class StateClosed(StateError, ValueError):
    """The store was used after ``close()``.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> state = pf.open_state("memory:closed")
    >>> state.close()
    >>> state.get("k")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateClosed: memory:closed is closed; open it again with open_state('memory:closed')
    """


class StateReadOnly(StateError):
    """The store was opened with ``mode="r"`` and cannot be written to.

    Examples
    --------
    >>> import tempfile, pforge_lab as pf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pf.open_state(f"{folder}/lab.fs").close()
    ...     with pf.open_state(f"{folder}/lab.fs", mode="r") as reader:
    ...         reader.set("k", b"v")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateReadOnly: ... is open with mode='r'; open it with mode='w' to write
    """


class StateConflict(StateError):
    """The guard of a batch no longer matches, so nothing of the batch was written.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> state = pf.open_state("memory:")
    >>> try:
    ...     with state.batch(guard={"k": b"what I read"}) as batch:
    ...         batch.set("k", b"what I make of it")
    ... except pf.StateConflict as error:
    ...     error.keys
    ('k',)
    """

    keys: tuple[str, ...] = ()


class StateFull(StateError):
    """The disk, a quota or a size limit is reached. What was stored before stands.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> MemoryStateManager(max_bytes=100).set("k", bytes(200))
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateFull: ...
    """


class UntrustedData(PforgeError):
    """Data names code beyond the safe list and carries no valid signature. Nothing was executed.

    Examples
    --------
    >>> error = UntrustedData("run r1 names os.system", name="os.system")
    >>> error.name
    'os.system'
    """

    name: str | None = None


class UsageError(PforgeError):
    """A command or a call was used wrongly.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_state("mongo://x")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.UsageError: 'mongo://x' is no kind of store known here ...
    """


class WrongType(UsageError, TypeError):
    """An argument is of the wrong type; the message says which type it should be.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_state("memory:").set("k", "text")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.WrongType: the value of 'k' is bytes, not str ('text'); encode it, or use set_json
    """

    key: str | None = None


class WrongValue(UsageError, ValueError):
    """An argument is of the right type but out of range; the message says what may be.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_state("memory:").set("k", b"", ttl=-1)
    Traceback (most recent call last):
        ...
    pforge_lab.errors.WrongValue: a ttl is 0 or more seconds, not -1.0; ...
    """

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
