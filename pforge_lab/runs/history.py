"""Records of a run as tidy pandas frames: one row per position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.late import pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pforge_lab.runs.records import StepRecord

RECORD_COLUMNS = (
    *("index", "step", "label", "tool", "status", "started", "seconds", "attempts", "error"),
    *("output_var", "changed", "memory", "logs", "children"),
)


def records_frame(records: Iterable[StepRecord]) -> pd.DataFrame:
    """Return the records' fields: times in seconds, ``memory`` the meter's reading in bytes.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pforge_lab.runs.records import StepRecord
    >>> records_frame([StepRecord(1, 1, "load", "load", "done", datetime.now(UTC), 0.5)]).label[0]
    'load'
    """
    return pd.DataFrame(
        [[getattr(record, name) for name in RECORD_COLUMNS] for record in records],
        columns=list(RECORD_COLUMNS),
    ).astype({"step": "Int64"})


def memory_frame(records: Iterable[StepRecord]) -> pd.DataFrame:
    """Return resident memory per position: ``before``, ``peak`` and ``after`` in bytes, and how exact the peak is.

    ``lifetime`` is the highest resident memory of the process up to the end of the step;
    ``allocated`` and ``arrow`` are what the C library's heap and Arrow's pool had handed out then;
    ``child_peak`` is that of the processes the step started, which is no part of ``peak``.
    """
    columns = ["index", "label", "before", "peak", "after", "method", "exact", "shared"]
    columns += ["lifetime", "allocated", "arrow", "child_peak"]
    rows = [
        [
            record.index,
            record.label,
            memory.before,
            memory.peak,
            memory.after,
            memory.method,
            memory.exact,
            memory.shared,
            memory.lifetime,
            memory.allocated,
            memory.arrow,
            memory.child_peak,
        ]
        for record in records
        if (memory := record.memory) is not None
    ]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[-4:], "Int64"))


def sizes_frame(records: Iterable[StepRecord]) -> pd.DataFrame:
    """Return bytes per variable and position.

    ``bytes`` counts a shared buffer once, at its first owner, so that the column sums to what is
    held; ``reach`` is all that the variable keeps alive; ``approx`` marks sampled containers.
    """
    rows = [
        [record.index, record.label, name, size.bytes, size.reach, size.approx]
        for record in records
        for name, size in record.sizes.items()
    ]
    return pd.DataFrame(rows, columns=["index", "label", "variable", "bytes", "reach", "approx"])
