"""The last record of a run whose kernel is gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pforge_lab.runs.api import open_run
from pforge_lab.runs.cell import TOOL
from pforge_lab.runs.records import StepRecord

if TYPE_CHECKING:
    from pforge_lab.runs.records import RunStatus
    from pforge_lab.state import StateManager


def log_end(state: StateManager, id: str, error: BaseException, status: RunStatus) -> None:  # noqa: A002 - as in `pforge_lab.open_run`
    """Write what ended a run, unless its kernel has done so."""
    run = open_run(id, state=state)
    if run.status in ("done", "failed"):
        return
    place = run.timeline.next_step()
    why = f"{type(error).__name__}: {error}".splitlines()[0]
    record = StepRecord(run.position + 1, None if place is None else place + 1, run.next_label or "", TOOL, "failed", datetime.now(UTC), 0.0, error=why)  # fmt: skip
    run.timeline.begin()
    run.timeline.log_failure(record, status)
