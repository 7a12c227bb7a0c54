"""The frames a run hands out, as tables: what changed between two positions, and memory per step."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from pforge_lab.meter import Reading
from pforge_lab.values.describe import sketch
from pforge_lab.values.format import DETAIL, NONE, count, megabytes, shorten
from pforge_lab.views.blocks import Column, Line, Row, Table, words
from pforge_lab.views.steps import memory_cells, windows
from pforge_lab.views.variables import CHANGE_TONES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pforge_lab.views.blocks import Block

MOST_DIFFERENCES = 200
MOST_TEXT = 600  # characters of what changed inside a value


def diff_blocks(frame: pd.DataFrame) -> Iterator[Block]:
    """Yield the table of a diff with columns ``variable``, ``change``, ``before``, ``after``."""
    if frame.empty:
        yield Line(words("No variable differs", "muted"))
        return
    columns = tuple(Column(name.title(), flexible=True) for name in ("variable", "change", "before", "after"))
    values = zip(*(frame[column.title.lower()] for column in columns), strict=True)
    rows = [_diff_row(*row) for row in islice(values, MOST_DIFFERENCES)]
    if left := len(frame) - len(rows):
        rows.append(Row((words(f"… {count(left, 'difference')} left out", "muted"),), "gap"))
    yield Table(count(len(frame), "difference"), columns, tuple(rows), header=0)


def _diff_row(variable: Any, change: Any, before: Any, after: Any) -> Row:
    kind = _as_text(change)
    value, apart, detail = _as_text(after).partition(DETAIL)
    cells = (
        words(shorten(_as_text(variable), 60), "code"),
        words(shorten(kind, 60), CHANGE_TONES.get(kind, "plain")),
        words(shorten(_as_text(before), 120)),
        words(shorten(value, 120)),
    )
    return Row(cells, note=words(shorten(detail, MOST_TEXT)) if apart else ())


def _as_text(value: Any) -> str:
    """Return text as it is, a dash for what is missing, and a sketch of anything else."""
    if isinstance(value, str):
        return value
    missing = value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124 - only NaN differs from itself
    return NONE if missing else sketch(value)


def memory_blocks(frame: pd.DataFrame) -> Iterator[Block]:
    """Yield the table of a frame as ``run.memory`` returns it; positions that were not measured stay empty."""
    if frame.empty:
        yield Line(words("No step has run", "muted"))
        return
    records = [_memory(row) for row in frame.to_dict("records")]
    scale = max((memory.peak for memory in records if memory), default=0)
    highest = next((place for place, memory in enumerate(records) if memory and memory.peak == scale), 0)
    columns = (
        Column("#", "right"), Column("Step", flexible=True), Column("Before MB", "right", spare=True),
        Column("After MB", "right"), Column("Peak MB", "right"), Column("Memory", spare=True), Column("Method"),
    )  # fmt: skip
    rows: list[Row] = []
    end = 0
    for start, stop in windows(len(frame), highest):
        if start > end:
            rows.append(Row((words(f"… {count(start - end, 'step')} left out", "muted"),), "gap"))
        rows += [_memory_row(frame.iloc[place], records[place], scale) for place in range(start, stop)]
        end = stop
    yield Table("Memory of the process around each step", columns, tuple(rows), header=1)


def _memory(row: dict[Any, Any]) -> Reading | None:
    if row["peak"] is None or row["peak"] != row["peak"]:  # None or NaN: the meter was off
        return None
    before, peak, after = (int(row[name]) for name in ("before", "peak", "after"))
    return Reading(before, peak, after, str(row["method"]), exact=bool(row["exact"]))


def _memory_row(row: Any, memory: Reading | None, scale: int) -> Row:
    before = words(megabytes(memory.before, digits=0)) if memory else ()
    method = words(shorten(memory.method, 40), "muted") if memory else words("not measured", "muted")
    label = words(shorten(str(row["label"]), 60))
    return Row((words(f"{row['index']:,}"), label, before, *memory_cells(memory, scale), method))
