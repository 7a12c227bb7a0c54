"""What happened: the frozen facts of runs that history, views and stores pass along.

Nothing here computes; every door (API, magics, shell, papermill) reads the same records.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

StepStatus = Literal["done", "failed", "skipped", "edited"]
RunStatus = Literal["ready", "running", "paused", "done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """Memory of the process around one step, in bytes.

    Attributes
    ----------
    before, after
        Resident memory when the step started and when it had ended.
    peak
        Highest resident memory in between.
    method
        How the peak was measured, such as ``"VmHWM"``.
    exact
        False when the true peak may be higher than ``peak``.
    shared
        True when another step overlapped with this one, so that they share a peak.
    """

    before: int
    peak: int
    after: int
    method: str
    exact: bool
    shared: bool = False


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a step wrote: ``stream`` is ``stdout``, ``stderr`` or ``warning``."""

    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class VariableSize:
    """Bytes of one variable after a step.

    Attributes
    ----------
    bytes
        What it holds; a buffer shared with another variable counts at its first owner only,
        so that the sum over variables is what is held.
    reach
        All that the variable keeps alive, shared or not.
    approx
        True when a large container was sampled.
    """

    bytes: int
    reach: int
    approx: bool = False


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one step did.

    Attributes
    ----------
    index
        The position on the run's line that the step reached: 1 is the first. A fail-fast
        attempt takes no position; its record carries the position it was tried from, plus one.
    step
        Place in the pipeline, counted from 1; None for an edit.
    label, tool
        The step's label on this line and the tool it called.
    status
        ``done``, ``failed``, ``skipped`` (its condition was false) or ``edited`` (by the user).
    started
        When it started, with a time zone.
    seconds
        How long it took, retries included, snapshot excluded.
    attempts
        Times the tool was called; 0 for a skipped step.
    error
        ``Type: message`` of the last error, or None.
    traceback
        The full traceback of that error as text, or None.
    output_var
        The variable the step was to write, or None.
    changed
        Names of the variables that the step added, changed or removed, sorted.
    memory
        The process's memory around the step, or None when the meter was off.
    sizes
        Bytes per variable after the step.
    logs
        What it printed and warned about: the first and the last lines, at most 64 KiB.
    children
        Records of the parts of a nested, parallel or foreach step.
    code
        Fingerprint of the function's code, to tell whether it has changed since.
    not_kept
        Variables that could not be serialised, with the reason.
    """

    index: int
    step: int | None
    label: str
    tool: str
    status: StepStatus
    started: datetime
    seconds: float
    attempts: int = 1
    error: str | None = None
    traceback: str | None = None
    output_var: str | None = None
    changed: tuple[str, ...] = ()
    memory: MemoryRecord | None = None
    sizes: dict[str, VariableSize] = field(default_factory=dict)
    logs: tuple[LogLine, ...] = ()
    children: tuple[StepRecord, ...] = ()
    code: str | None = None
    not_kept: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> record = StepRecord(1, 1, "load", "load", "done", datetime(2026, 1, 1, tzinfo=UTC), 0.5)
        >>> StepRecord.from_json(record.to_json()) == record
        True
        """
        return asdict(self) | {
            "started": self.started.isoformat(),
            "children": [child.to_json() for child in self.children],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> StepRecord:
        """Make a record from what ``to_json`` returned."""
        memory = data["memory"]
        return cls(
            **data
            | {
                "started": datetime.fromisoformat(data["started"]),
                "changed": tuple(data["changed"]),
                "memory": MemoryRecord(**memory) if memory else None,
                "sizes": {name: VariableSize(**size) for name, size in data["sizes"].items()},
                "logs": tuple(LogLine(**line) for line in data["logs"]),
                "children": tuple(cls.from_json(child) for child in data["children"]),
            },
        )


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
    """One step as the pipeline declares it, whether it has run or not."""

    step: int
    label: str
    tool: str
    output_var: str | None
    condition: str | None


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

    ``attempt`` is the latest fail-fast attempt when the run is ``failed``.
    """

    summary: RunSummary
    plan: tuple[StepPlan, ...]
    records: tuple[StepRecord, ...]
    variables: tuple[VariableRow, ...] = ()
    attempt: StepRecord | None = None
    stale: tuple[str, ...] = ()
