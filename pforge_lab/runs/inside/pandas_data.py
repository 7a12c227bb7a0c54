"""What changed in frames, series and indexes of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pforge_lab.runs.inside.arrays import retyped, whole_of
from pforge_lab.runs.inside.brief import growth
from pforge_lab.runs.inside.cells import cells
from pforge_lab.runs.inside.tables import Columns, tables
from pforge_lab.values.describe import sketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.runs.inside.kinds import Part
    from pforge_lab.runs.inside.look import Inside

_ORDERED = 1_000_000  # labels; among more it is not looked whether they only changed their order


def frames(look: Inside, before: pd.DataFrame, after: pd.DataFrame) -> Iterator[Part]:
    """Tell what changed in columns, index and attributes of a frame, and which cells did."""
    if len(before) == len(after):
        yield ".index", before.index, after.index
    yield from _names(".columns", before.columns, after.columns)
    if before.attrs or after.attrs:
        yield ".attrs", before.attrs, after.attrs
    yield from tables(look, _columns(before), _columns(after), retyped, whole_of)


def _columns(frame: pd.DataFrame) -> Columns:
    return Columns(
        frame.columns.tolist(), frame.dtypes.tolist(), len(frame), lambda place: frame.iloc[:, place].array
    )


def series(look: Inside, before: pd.Series, after: pd.Series) -> Iterator[Part]:
    """Tell what changed in name, type, index and attributes of a series, and which rows did."""
    yield ".name", before.name, after.name
    if text := retyped(before.dtype, after.dtype):
        yield "", text
    if grown := growth(len(before), len(after), "row"):
        yield "", grown
    else:
        yield ".index", before.index, after.index
    if before.attrs or after.attrs:
        yield ".attrs", before.attrs, after.attrs
    if grown:
        return
    whole = whole_of(before, after)
    if text := cells(look, before.array, after.array, whole, where=lambda row: f"in row {row:,}"):
        yield "", text


def labels(look: Inside, before: pd.Index, after: pd.Index) -> Iterator[Part]:
    """Tell what changed in names, type and frequency of an index, and which labels did."""
    yield from _names("", before, after)
    if before.nlevels != after.nlevels:
        yield "", f"{before.nlevels} -> {after.nlevels} levels"
        return
    levels = [
        (before.get_level_values(place), after.get_level_values(place)) for place in range(after.nlevels)
    ]
    for place, (old, new) in enumerate(levels):
        if text := retyped(old.dtype, new.dtype):
            yield _level(place, after), text
    old_freq, new_freq = (getattr(index, "freqstr", None) for index in (before, after))
    if old_freq != new_freq:
        yield "", f"freq {old_freq} -> {new_freq}"
    if grown := growth(len(before), len(after), "label"):
        yield "", grown
        return
    changed = list(_changed(look, levels, after))
    if changed and not look.stopped and _same_labels(before, after):
        yield "", "the same labels in another order"
    else:
        yield from changed


def _changed(look: Inside, levels: list[tuple[pd.Index, pd.Index]], after: pd.Index) -> Iterator[Part]:
    for place, (old, new) in enumerate(levels):
        if isinstance(old, pd.RangeIndex) and isinstance(new, pd.RangeIndex) and old.equals(new):
            continue
        if text := cells(
            look, old.array, new.array, whole_of(old, new), where=lambda label: f"at {label:,}", noun="label"
        ):
            yield _level(place, after), text


def _level(place: int, index: pd.Index) -> str:
    return f" level {place}" if index.nlevels > 1 else ""


def _same_labels(before: pd.Index, after: pd.Index) -> bool:
    if len(after) > _ORDERED or before.dtype != after.dtype:
        return False
    try:
        unique = before.is_unique and after.is_unique
        return bool(unique and after.isin(before).all())
    except TypeError:  # labels without a hash, or that cannot be compared
        return False


def _names(place: str, before: pd.Index, after: pd.Index) -> Iterator[Part]:
    old, new = ([None if name != name else name for name in index.names] for index in (before, after))  # noqa: PLR0124 - only NaN differs from itself
    if old != new:
        alone = len(old) == len(new) == 1
        pair: tuple[Any, Any] = (old[0], new[0]) if alone else (old, new)
        yield f"{place}.name{'' if alone else 's'}", f"{sketch(pair[0])} -> {sketch(pair[1])}"
