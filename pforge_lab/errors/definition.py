"""Errors of pipelines, parameters, templates and tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pforge_lab.errors.base import PforgeError

if TYPE_CHECKING:
    from collections.abc import Iterable


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

    ``retry_after`` is how many seconds the server asks to wait, where it says so. ``final`` is whether the same
    call would fail again in the same way: it is not retried.

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
    final: bool = False
