"""What executing one step came to, and who is told on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pforge_lab.quick import quickly_made

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pforge_lab.meter import Reading

Status = Literal["done", "failed", "skipped"]


@quickly_made
@dataclass(frozen=True, slots=True)
class ChildOutcome:
    """What one part of a nested, parallel or foreach step came to.

    Attributes
    ----------
    label, tool
        The part's label inside its step, and its tool.
    seconds
        How long it took, retries included.
    attempts
        Times the tool was called.
    error
        The last error, or None.
    children
        Its own parts.
    child_peak, memory, started
        As those of an `Outcome`.
    """

    label: str
    tool: str
    status: Status
    seconds: float
    attempts: int
    error: BaseException | None = None
    children: tuple[ChildOutcome, ...] = ()
    child_peak: int | None = None
    memory: Reading | None = None
    started: datetime | None = None

    @classmethod
    def of(cls, label: str, tool: str, outcome: Outcome) -> ChildOutcome:
        """Return what a part came to, without its output."""
        return cls(
            label, tool, outcome.status, outcome.seconds, outcome.attempts, outcome.error, outcome.children,
            outcome.child_peak, outcome.memory, outcome.started,
        )  # fmt: skip


@quickly_made
@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step came to.

    Attributes
    ----------
    status
        ``done``, ``failed``, or ``skipped`` when its condition did not hold.
    output
        What the tool returned; for ``foreach`` the list, for a block the outputs by label.
    error
        The last error as it was raised, `StepTimeout` for an overrun, `TemplateError` for a
        template or condition, `ParamError` for wrong arguments; None without one.
    attempts
        Times the tool was called; 0 when it never came to that.
    seconds
        How long it took, retries and the waits between them included.
    variables
        What the step writes into the scope; empty unless it is done.
    children
        The parts of a nested, parallel or foreach step.
    abandoned
        True when a thread that overran its time goes on in the background, be it of an earlier
        attempt: the objects it was given are not to be used again.
    next_step
        Index of the step that ``next`` leads to (the number of steps for the end), or None for
        the one that follows.
    child_peak
        Peak of resident memory of the process that the tool started, in bytes, where it can be
        told; `highest_child` knows those of the parts, too.
    memory
        The process's memory around the step, where it is a part of another one that is metered.
    started
        When it started, with a time zone, where it is such a part.
    """

    status: Status
    output: Any = None
    error: BaseException | None = None
    attempts: int = 0
    seconds: float = 0.0
    variables: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[ChildOutcome, ...] = ()
    abandoned: bool = False
    next_step: int | None = None
    child_peak: int | None = None
    memory: Reading | None = None
    started: datetime | None = None


def highest_child(outcome: Outcome | ChildOutcome) -> int | None:
    """Return the highest ``child_peak`` of a step and all its parts, or None without any."""
    if not outcome.children:
        return outcome.child_peak
    told = [outcome.child_peak, *map(highest_child, outcome.children)]
    return max((peak for peak in told if peak is not None), default=None)


class Listener(Protocol):
    """Is told what happens while a step executes.

    Called from the thread that executes, which for the parts of a block is not the caller's.
    """

    def attempt_started(self, label: str, number: int) -> None:
        """Hear that a tool is about to be called, for the `number`-th time."""

    def attempt_failed(self, label: str, number: int, error: BaseException) -> None:
        """Hear that this call failed; another one may follow."""

    def output_line(self, label: str, stream: str, text: str) -> None:
        """Hear that a command wrote a line to ``stdout`` or ``stderr``."""
