"""What changed in a table, of whatever library: columns, their types, rows, cells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.inside.brief import growth
from pforge_lab.runs.inside.cells import cells
from pforge_lab.values.describe import sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pforge_lab.runs.inside.cells import Whole
    from pforge_lab.runs.inside.kinds import Part
    from pforge_lab.runs.inside.look import Inside

_NAMES = 3  # of columns, told in one line


@dataclass(frozen=True, slots=True)
class Columns:
    """A table as its columns.

    Attributes
    ----------
    names, types
        Of the columns; names may come twice.
    rows
        How many.
    column
        Returns the one at a place.
    """

    names: Sequence[Any]
    types: Sequence[Any]
    rows: int
    column: Callable[[int], Any]


def tables(
    look: Inside,
    before: Columns,
    after: Columns,
    retyped: Callable[[Any, Any], str],
    whole_of: Callable[[Any, Any], Whole | None],
) -> Iterator[Part]:
    """Tell which columns were added, removed, moved or are of another type, how many rows, and which cells changed.

    Parameters
    ----------
    look
        The look that this is part of.
    before, after
        The tables.
    retyped
        Returns how the type of a column changed, or nothing.
    whole_of
        Returns what tells of two blocks of two columns which cells differ, as `cells` takes it.
    """
    old, new = _placed(before.names), _placed(after.names)
    for sign, some in (
        ("+", [key for key in new if key not in old]),
        ("-", [key for key in old if key not in new]),
    ):
        if some:
            yield "", f"{sign} {_columns([name for name, _ in some])}"
    both = [key for key in new if key in old]
    if both != [key for key in old if key in new]:
        yield "", "columns in another order"
    for key in both:
        if text := retyped(before.types[old[key]], after.types[new[key]]):
            yield _place(key, new), text
    if grown := growth(before.rows, after.rows, "row"):
        yield "", grown
        return
    for key in both:
        if look.over:
            return
        columns = before.column(old[key]), after.column(new[key])
        if text := cells(look, *columns, whole_of(*columns), where=lambda row: f"in row {row:,}"):
            yield _place(key, new), text


def _placed(names: Sequence[Any]) -> dict[tuple[Any, int], int]:
    """Return the place of each column by its name and how often the name came before; NaN is a name too."""
    seen: Counter[Any] = Counter()
    found = {}
    for place, name in enumerate(names):
        key = name if name == name else None  # noqa: PLR0124 - only NaN differs from itself
        found[key, seen[key]] = place
        seen[key] += 1
    return found


def _columns(names: list[Any]) -> str:
    left = len(names) - _NAMES
    shown = ", ".join(map(sketch, names[:_NAMES])) + (f" and {left:,} more" if left > 0 else "")
    return f"column{'' if len(names) == 1 else 's'} {shown}"


def _place(key: tuple[Any, int], all_of_them: dict[tuple[Any, int], int]) -> str:
    twice = (key[0], 1) in all_of_them
    return f"[{sketch(key[0])}]" + (f" (column {all_of_them[key]:,})" if twice else "")
