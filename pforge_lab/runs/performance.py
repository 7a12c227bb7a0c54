"""The performance of one step: the engine's outcome with its memory, its log and its time."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.errors import PforgeError, SpecError, one_line
from pforge_lab.pipeline.calls import Execution
from pforge_lab.pipeline.outcome import highest_child
from pforge_lab.quick import quickly_made
from pforge_lab.runs.logs import Captured
from pforge_lab.runs.records import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pforge_lab.pipeline.calls import Stop
    from pforge_lab.pipeline.engine import ChildOutcome, Outcome, Planned
    from pforge_lab.pipeline.spec import Pipeline

_PACKAGE = str(Path(__file__).resolve().parent.parent)


@quickly_made
@dataclass(frozen=True, slots=True)
class Performance:
    """What happened when a step was called."""

    outcome: Outcome
    started: datetime
    memory: meter.Reading
    log: Captured


class Shown:
    """Listens to the engine: shows the lines of child processes."""

    def attempt_started(self, label: str, number: int) -> None:
        """Nothing to show."""

    def attempt_failed(self, label: str, number: int, error: BaseException) -> None:
        """Nothing to show."""

    def output_line(self, label: str, stream: str, text: str) -> None:  # noqa: ARG002 - the engine's protocol
        """Show a line that a child process wrote; in a run, what is shown is kept."""
        print(text, file=sys.stderr if stream == "stderr" else sys.stdout)


class _Announced(Captured, Shown):
    """The log of a step: shows the lines of child processes, and keeps why attempts failed."""

    def attempt_failed(self, label: str, number: int, error: BaseException) -> None:
        """Keep why an attempt failed that was followed by another one."""
        self.write("stderr", f"attempt {number} of {label} failed: {one_line(error)}\n")


def perform(
    step: Planned,
    scope: Mapping[str, Any],
    *,
    resources: Mapping[type, object],
    before_retry: Callable[[], Mapping[str, Any]],
    stop: Stop | None = None,
) -> Performance:
    """Execute one compiled step in the calling thread, metered and logged.

    KeyboardInterrupt and its like pass through; anything a tool raises is in the outcome.
    """
    log = _Announced()
    around = Execution(resources, log, before_retry, stop, metered=True)
    started = datetime.now(UTC)
    scope_of_memory = meter.enter()
    try:
        with log:
            outcome = step.execute(scope, around)
    finally:
        reading = meter.exit(scope_of_memory)
    return Performance(outcome, started, reading, log)


def record_of(
    planned: Planned, number: int, done: Performance, position: int, code: str | None, **known: Any
) -> StepRecord:
    """Return the record of a performance, with what the snapshot after it has made known.

    Parameters
    ----------
    planned, number, done
        The step, its place in the pipeline from 1, and what happened when it was called.
    position
        The position on the line that it reaches.
    code
        The `fingerprint` of the code behind it.
    """
    outcome = done.outcome
    return StepRecord(
        index=position,
        step=number,
        label=planned.label,
        tool=planned.tool,
        status=outcome.status,
        started=done.started,
        seconds=outcome.seconds,
        attempts=outcome.attempts,
        error=one_line(outcome.error) if outcome.error else None,
        traceback=_traceback(outcome.error) if outcome.error else None,
        output_var=planned.output_var,
        memory=done.memory,
        logs=done.log.lines(),
        children=_children(outcome, done.started, position),
        code=code,
        goes_to=None if outcome.next_step is None else outcome.next_step + 1,
        **known,
    )


def fingerprint(pipeline: Pipeline, index: int) -> str | None:
    """Return the hash of the code behind a step, or None where there is none to be found."""
    try:
        return pipeline.fingerprint(index)
    except SpecError:
        return None


def _children(outcome: Outcome | ChildOutcome, within: datetime, position: int) -> tuple[StepRecord, ...]:
    return tuple(_child(part, within, position) for part in outcome.children)


def _child(child: ChildOutcome, within: datetime, position: int) -> StepRecord:
    started = child.started or within
    return StepRecord(
        index=position,
        step=None,
        label=child.label,
        tool=child.tool,
        status=child.status,
        started=started,
        seconds=child.seconds,
        attempts=child.attempts,
        error=one_line(child.error) if child.error else None,
        memory=_memory(child),
        children=_children(child, started, position),
    )


def _memory(child: ChildOutcome) -> meter.Reading | None:
    peak = highest_child(child)
    return child.memory if child.memory is None or peak is None else child.memory._replace(child_peak=peak)


def _traceback(error: BaseException) -> str:
    if isinstance(error, PforgeError) and error.__cause__ is None:
        return str(error)
    kept = [
        frame
        for frame in traceback.TracebackException.from_exception(error).format()
        if _PACKAGE not in frame
    ]
    return "".join(kept)
