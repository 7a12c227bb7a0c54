"""What happened: the frozen facts of runs that history, views and stores pass along.

Nothing here computes; every door (API, magics, shell, papermill) reads the same records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from pforge_lab.meter import Reading
from pforge_lab.quick import quickly_made
from pforge_lab.runs.encoding import moment

if TYPE_CHECKING:
    from datetime import datetime

StepStatus = Literal["done", "failed", "skipped", "edited"]
RunStatus = Literal["ready", "running", "paused", "done", "failed", "interrupted"]


@quickly_made
@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a step wrote: ``stream`` is ``stdout``, ``stderr`` or ``warning``."""

    stream: str
    text: str


@quickly_made
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
    hurried
        True when there was no time to look at it as usual: ``run.variable_sizes`` completes it from
        the snapshot.
    """

    bytes: int
    reach: int
    approx: bool = False
    hurried: bool = False


@quickly_made
@dataclass(frozen=True, slots=True, repr=False)
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
    undeclared
        Those of them that it names neither as an input nor as its output, where the run or the step
        verifies.
    memory
        The process's memory around the step, or None when the meter was off.
    sizes
        Bytes per variable after the step.
    shared
        Bytes that several of these variables keep alive, with the names of those.
    logs
        What it printed and warned about: the first and the last lines, at most 64 KiB.
    children
        Records of the parts of a nested, parallel or foreach step.
    code
        Fingerprint of the function's code, to tell whether it has changed since.
    not_kept
        Variables that could not be serialised, with the reason.
    goes_to
        Place of the step that follows when it is not the next one (1 is the first; one more than
        the number of steps is the end), else None.
    source, outputs
        The code of a notebook's cell and what it displayed, as nbformat outputs; None and empty for
        steps of pipelines.
    around
        What a notebook had changed around it: ``sys.path``, working folder, environment; as
        `pforge_lab.runs.surroundings.Changes` writes it, empty when it had changed nothing.
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
    memory: Reading | None = None
    sizes: dict[str, VariableSize] = field(default_factory=dict)
    shared: tuple[tuple[tuple[str, ...], int], ...] = ()
    logs: tuple[LogLine, ...] = ()
    children: tuple[StepRecord, ...] = ()
    code: str | None = None
    not_kept: dict[str, str] = field(default_factory=dict)
    goes_to: int | None = None
    source: str | None = None
    outputs: tuple[dict[str, Any], ...] = ()
    around: dict[str, Any] = field(default_factory=dict)
    undeclared: tuple[str, ...] = ()

    def owners(self) -> dict[tuple[str, ...], int]:
        """Return bytes by the variables that keep them alive: dropping those frees them."""
        own = {name: size.reach for name, size in self.sizes.items()}
        for names, size in self.shared:
            for name in names:
                own[name] -= size
        return {(name,): max(size, 0) for name, size in own.items()} | dict(self.shared)

    def __repr__(self) -> str:
        """Return one line; print the record, or show it in a notebook, for all of it."""
        facts = [
            self.status,
            f"{self.seconds:.3g} s",
            f"changed {', '.join(self.changed) or 'nothing'}",
            self.error,
        ]
        return f"<StepRecord {self.index} {self.label!r}: {'; '.join(fact for fact in facts if fact)}>"

    def __str__(self) -> str:
        """Return the record in full, as text."""
        from pforge_lab.views.text import record_text  # noqa: PLC0415 - a view

        return record_text(self)

    def _repr_html_(self) -> str:
        from pforge_lab.views.html import record_html  # noqa: PLC0415 - a view

        return record_html(self)

    def to_json(self, before: StepRecord | None = None) -> dict[str, Any]:
        """Return the record as values for `encoded`, without what is as it is by default.

        Parameters
        ----------
        before
            The record of the position before: only the sizes that differ from its own are written,
            so that what a record takes grows with what its step changed. All are, without.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> record = StepRecord(1, 1, "load", "load", "done", datetime(2026, 1, 1, tzinfo=UTC), 0.5)
        >>> StepRecord.from_json(record.to_json()) == record
        True
        """
        data: dict[str, Any] = {
            "index": self.index,
            "step": self.step,
            "label": self.label,
            "tool": self.tool,
            "status": self.status,
            "started": self.started,
            "seconds": self.seconds,
            "attempts": self.attempts,
        }
        data |= {name: value for name, value in zip(_OPTIONAL, _optional_of(self), strict=True) if value}
        if self.memory is not None:
            data["memory"] = dict(zip(Reading._fields, self.memory, strict=True))
        if self.logs:
            data["logs"] = [(line.stream, line.text) for line in self.logs]
        if self.children:
            data["children"] = [child.to_json() for child in self.children]
        return data | _sizes_to_json(self.sizes, None if before is None else before.sizes)

    @classmethod
    def from_json(cls, data: dict[str, Any], before: StepRecord | None = None) -> StepRecord:
        """Make a record from what ``to_json`` returned with the same ``before``, encoded or not.

        Raises
        ------
        LookupError
            It was written as what differs from another record, and ``before`` is None.
        """
        memory = data.get("memory")
        return cls(
            **{
                name: data[name]
                for name in ("index", "step", "label", "tool", "status", "seconds", "attempts")
            },
            **{
                name: data[name]
                for name in (
                    "error",
                    "traceback",
                    "output_var",
                    "code",
                    "not_kept",
                    "goes_to",
                    "source",
                    "around",
                )
                if name in data
            },
            started=moment(data["started"]),
            changed=tuple(data.get("changed", ())),
            undeclared=tuple(data.get("undeclared", ())),
            memory=Reading(**memory) if memory else None,
            sizes=_sizes_from_json(data, before),
            shared=tuple((tuple(names), size) for names, size in data.get("shared", ())),
            logs=tuple(LogLine(*line) for line in data.get("logs", ())),
            outputs=tuple(data.get("outputs", ())),
            children=tuple(cls.from_json(child) for child in data.get("children", ())),
        )


_OPTIONAL = (
    *("error", "traceback", "output_var", "changed", "shared", "code", "not_kept", "goes_to", "source"),
    "outputs",
    "around",
    "undeclared",
)
_optional_of = attrgetter(*_OPTIONAL)


def _sizes_to_json(sizes: dict[str, VariableSize], before: dict[str, VariableSize] | None) -> dict[str, Any]:
    """Return sizes in full, or as what differs from others, where their order follows from those."""
    if before is not None:
        gone = before.keys() - sizes.keys()
        merged = {name: size for name, size in before.items() if name not in gone} if gone else before
        if list(merged | sizes) == list(sizes):
            known = before.get
            resized: dict[str, Any] = {
                name: _plain(size)
                for name, size in sizes.items()
                if size is not known(name) and size != known(name)
            }
            return {"resized": resized | dict.fromkeys(sorted(gone)) if gone else resized}
    return {"sizes": {name: _plain(size) for name, size in sizes.items()}}


def _sizes_from_json(data: dict[str, Any], before: StepRecord | None) -> dict[str, VariableSize]:
    resized = data.get("resized")
    if resized is None:
        return {name: VariableSize(*size) for name, size in data["sizes"].items()}
    if before is None:
        raise LookupError("the record before it is missing")
    sizes = before.sizes | {name: VariableSize(*size) for name, size in resized.items() if size is not None}
    return {name: size for name, size in sizes.items() if name not in resized or resized[name] is not None}


def _plain(size: VariableSize) -> tuple[int, ...]:
    facts = (size.bytes, size.reach, size.approx, size.hurried)
    return facts if size.hurried else facts[:3]
