"""What changed in data of polars and of Arrow, compared by these libraries themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.runs.inside.brief import growth
from pforge_lab.runs.inside.cells import cells
from pforge_lab.runs.inside.tables import Columns, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.runs.inside.cells import Mask
    from pforge_lab.runs.inside.kinds import Part
    from pforge_lab.runs.inside.look import Inside


def polars_frames(look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell what changed in the columns of a frame, and which cells did."""
    old, new = (
        Columns(frame.columns, frame.dtypes, frame.height, frame.get_columns().__getitem__)
        for frame in (before, after)
    )
    return tables(look, old, new, _retyped, lambda *_: _polars_differ)


def polars_series(look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell what changed in name and type of a series, and which rows did."""
    yield ".name", before.name, after.name
    if text := _retyped(before.dtype, after.dtype):
        yield "", text
    if grown := growth(len(before), len(after), "row"):
        yield "", grown
    elif text := cells(look, before, after, _polars_differ, where=lambda row: f"in row {row:,}"):
        yield "", text


def lazy_frames(_look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell what changed in the query, which is not run; files it scans may be asked for their columns."""
    yield " query", *(frame.explain(optimized=False).splitlines() for frame in (before, after))


def arrow_tables(look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell what changed in columns and metadata of a table, and which cells did."""
    yield ".schema.metadata", before.schema.metadata or {}, after.schema.metadata or {}
    old, new = (
        Columns(table.schema.names, table.schema.types, table.num_rows, table.column)
        for table in (before, after)
    )
    yield from tables(look, old, new, _retyped, lambda *_: _arrow_differ)


def arrow_arrays(look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell how the type or the length of an array changed, or which items."""
    if text := _retyped(before.type, after.type):
        yield "", text
    if grown := growth(len(before), len(after), "item"):
        yield "", grown
    elif text := cells(look, before, after, _arrow_differ, where=lambda item: f"at [{item}]", noun="item"):
        yield "", text


def _retyped(before: Any, after: Any) -> str:
    return "" if before == after else f"{before} -> {after}"


def _polars_differ(old: Any, new: Any) -> Mask:
    """Tell of two blocks which cells differ; null is not NaN."""
    mask: Mask = old.ne_missing(new).to_numpy()
    return mask


def _arrow_differ(old: Any, new: Any) -> Mask:
    """Tell of two blocks which cells differ; null is not NaN, and NaN equals NaN."""
    from pyarrow import compute, types  # noqa: PLC0415 - only where data of Arrow are met

    differs = np.asarray(compute.fill_null(compute.not_equal(old, new), False))
    if types.is_floating(old.type) and types.is_floating(new.type):
        neither = (np.asarray(compute.fill_null(compute.is_nan(block), False)) for block in (old, new))
        differs = differs & ~(next(neither) & next(neither))
    missing: Mask = np.asarray(old.is_null()) ^ np.asarray(new.is_null())
    return differs | missing
