"""The table of variables at one position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.values.format import NONE, count, megabytes, shape, shorten
from pforge_lab.views.blocks import Column, Row, Table, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.records import VariableSize
    from pforge_lab.views.blocks import Cell, Tone

MOST_ROWS = 200
CHANGE_TONES: dict[str, Tone] = {
    "new": "new", "changed": "changed", "deleted": "deleted", "not kept": "not-kept", "same": "same",
    "added": "new", "removed": "deleted",
}  # fmt: skip


def variable_table(rows: Sequence[VariableRow], *, title: str = "Variables", limit: int = MOST_ROWS) -> Table:
    """Return the table of ``rows``; of more than ``limit``, unchanged ones are left out first, and counted.

    MB is what a variable holds, a shared buffer counted at its first owner; *Reach MB* appears where a
    variable keeps more alive than that, by 0.1 MB or more.
    """
    shown = _most_telling(rows, limit)
    reaches = any(row.size and row.size.reach - row.size.bytes >= 100_000 for row in shown)
    columns = [Column("Name", flexible=True), Column("Type", flexible=True), Column("Shape", "right")]
    columns += [Column("MB", "right")] + ([Column("Reach MB", "right")] if reaches else [])
    columns += [Column("Change"), Column("Preview", flexible=True)]
    body = [_row(row, reaches=reaches) for row in shown]
    if left := len(rows) - len(shown):
        body.append(Row((words(f"… {count(left, 'variable')} left out", "muted"),), "gap"))
    return Table(title, tuple(columns), tuple(body), header=0)


def _most_telling(rows: Sequence[VariableRow], limit: int) -> list[VariableRow]:
    if len(rows) <= limit:
        return list(rows)
    places = sorted(range(len(rows)), key=lambda place: rows[place].change == "same")
    return [rows[place] for place in sorted(places[:limit])]


def _row(row: VariableRow, *, reaches: bool) -> Row:
    cells = (
        words(shorten(row.name, 60), "code"),
        words(shorten(row.type, 60)),
        words(shorten(shape(row.shape), 60)),
        *_sizes(row.size, reaches=reaches),
        words(shorten(row.change, 40), CHANGE_TONES.get(row.change, "plain")),
        words(shorten(row.preview, 100), "muted"),
    )
    return Row(cells)


def _sizes(size: VariableSize | None, *, reaches: bool) -> tuple[Cell, ...]:
    if size is None:
        return (words(NONE),) * (1 + reaches)
    about = "≈ " if size.approx else ""
    held = words(about + megabytes(size.bytes))
    return (held, words(about + megabytes(size.reach))) if reaches else (held,)
