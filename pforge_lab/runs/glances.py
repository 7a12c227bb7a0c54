"""Runs at a glance: the frozen facts that tables of runs, steps and variables show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pforge_lab.runs.records import RunStatus, StepRecord, VariableSize


@dataclass(frozen=True, slots=True)
class VariableRow:
    """One variable at one position, as the tables show it.

    Attributes
    ----------
    type, shape
        Such as ``DataFrame`` and ``336776 x 19``; shape is empty where there is none.
    change
        ``new``, ``changed``, ``deleted``, ``same`` or ``not kept``.
    preview
        One short line of text.
    """

    name: str
    type: str
    shape: str
    size: VariableSize | None
    change: str
    preview: str


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step as the pipeline declares it, whether it has run or not; or ``executed`` without being recorded."""

    step: int
    label: str
    tool: str
    output_var: str | None
    condition: str | None
    executed: bool = False


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run at a glance.

    Attributes
    ----------
    position
        Where the run stands on its current line.
    steps_done, steps_total
        Steps of the pipeline that are done on the current line, and all of them.
    seconds
        Time spent in the steps of the current line.
    peak
        Highest peak of its steps, in bytes, or None.
    place
        URL of the store the run lives in.
    """

    id: str
    pipeline: str
    status: RunStatus
    position: int
    steps_done: int
    steps_total: int
    created: datetime
    updated: datetime
    seconds: float
    peak: int | None
    place: str
    params: dict[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """All that a table of one run shows: the summary, the plan, and the records of the current line.

    ``attempt`` is the latest fail-fast attempt when the run is ``failed``; ``revised`` says what differs
    in the pipeline's file since the run was started, and what to do.
    """

    summary: RunSummary
    plan: tuple[StepPlan, ...]
    records: tuple[StepRecord, ...]
    variables: tuple[VariableRow, ...] = ()
    attempt: StepRecord | None = None
    stale: tuple[str, ...] = ()
    revised: str = ""
