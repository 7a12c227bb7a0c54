"""The performance of one step: the engine's outcome with its memory, its log and its time."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.errors import PforgeError, SpecError, StepError, StepTimeout, one_line
from pforge_lab.pipeline.outcome import highest_child
from pforge_lab.runs.logs import Log, captured
from pforge_lab.runs.records import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pforge_lab.pipeline.calls import Stop
    from pforge_lab.pipeline.engine import ChildOutcome, Outcome
    from pforge_lab.pipeline.spec import Pipeline

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LIBRARY = sysconfig.get_path("stdlib") + os.sep


@dataclass(frozen=True, slots=True)
class Performance:
    """What happened when a step was called."""

    outcome: Outcome
    started: datetime
    memory: meter.Reading
    log: Log


class Shown:
    """Listens to the engine: shows the lines of child processes."""

    def attempt_started(self, label: str, number: int) -> None:
        """Nothing to show."""

    def attempt_failed(self, label: str, number: int, error: BaseException) -> None:
        """Nothing to show."""

    def output_line(self, label: str, stream: str, text: str) -> None:  # noqa: ARG002 - the engine's protocol
        """Show a line that a child process wrote; in a run, what is shown is kept."""
        print(text, file=sys.stderr if stream == "stderr" else sys.stdout)


class _Announcements(Shown):
    """Shows the lines of child processes, and keeps why attempts failed in the log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def attempt_failed(self, label: str, number: int, error: BaseException) -> None:
        """Keep why an attempt failed that was followed by another one."""
        self._log.write("stderr", f"attempt {number} of {label} failed: {one_line(error)}\n")


def perform(
    pipeline: Pipeline,
    index: int,
    scope: Mapping[str, Any],
    *,
    resources: Mapping[type, object],
    before_retry: Callable[[], Mapping[str, Any]],
    stop: Stop | None = None,
) -> Performance:
    """Execute one step in the calling thread, metered and logged.

    KeyboardInterrupt and its like pass through; anything a tool raises is in the outcome.
    """
    from pforge_lab.pipeline.engine import execute  # noqa: PLC0415 - a kernel that records cells executes no step

    log = Log()
    started = datetime.now(UTC)
    scope_of_memory = meter.enter()
    try:
        with captured(log):
            outcome = execute(
                pipeline,
                index,
                scope,
                resources=resources,
                listener=_Announcements(log),
                before_retry=before_retry,
                metered=True,
                stop=stop,
            )
    finally:
        reading = meter.exit(scope_of_memory)
    return Performance(outcome, started, reading, log)


def record_of(pipeline: Pipeline, index: int, done: Performance, position: int, **known: Any) -> StepRecord:
    """Return the record of a performance, with what the snapshot after it has made known."""
    step, outcome = pipeline.steps[index], done.outcome
    return StepRecord(
        index=position,
        step=index + 1,
        label=pipeline.labels[index],
        tool=step.tool_name,
        status=outcome.status,
        started=done.started,
        seconds=outcome.seconds,
        attempts=outcome.attempts,
        error=one_line(outcome.error) if outcome.error else None,
        traceback=_traceback(outcome.error) if outcome.error else None,
        output_var=getattr(step, "output_var", None),  # blocks have none of their own
        memory=done.memory,
        logs=done.log.lines(),
        children=tuple(_child(child, done.started, position) for child in outcome.children),
        code=fingerprint(pipeline, index),
        goes_to=None if outcome.next_step is None else outcome.next_step + 1,
        **known,
    )


def fingerprint(pipeline: Pipeline, index: int) -> str | None:
    """Return the hash of the code behind a step, or None where there is none to be found."""
    try:
        return pipeline.fingerprint(index)
    except SpecError:
        return None


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
        children=tuple(_child(part, started, position) for part in child.children),
    )


def _memory(child: ChildOutcome) -> meter.Reading | None:
    peak = highest_child(child)
    return child.memory if child.memory is None or peak is None else child.memory._replace(child_peak=peak)


def culprit(error: BaseException) -> str | None:
    """Return ``function, file:line`` of the last frame that is neither ours nor a library's, Python's own included."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = (_PACKAGE, _LIBRARY, "<frozen")
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith(foreign) and "site-packages" not in frame.filename
    ]
    if not own:
        return None
    last = own[-1]
    path = Path(last.filename)
    if path.parent.name.startswith("ipykernel_"):  # where kernels say that cells are
        return f"{last.name}, line {last.lineno} of its cell"
    return f"{last.name}, {path.name}:{last.lineno}"


def step_error(message: str, error: BaseException, **facts: Any) -> StepError:
    """Return the error that a failed step raises, of the kind that tells a timeout apart."""
    if isinstance(error, StepTimeout):
        return StepTimeout(message, seconds=error.seconds, **facts)
    return StepError(message, **facts)


def _traceback(error: BaseException) -> str:
    if isinstance(error, PforgeError) and error.__cause__ is None:
        return str(error)
    kept = [
        frame
        for frame in traceback.TracebackException.from_exception(error).format()
        if _PACKAGE not in frame
    ]
    return "".join(kept)
