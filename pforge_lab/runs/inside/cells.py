"""Which cells of two columns differ, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from pforge_lab.runs.inside.equality import alike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pforge_lab.runs.inside.look import Inside

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Whole = Callable[[Any, Any], Mask]

_CELLS = 1 << 18  # compared as a whole between two looks at the clock
_OBJECTS = 1 << 12  # compared one by one; 1 ms of plain ones


def cells(
    look: Inside,
    before: Any,
    after: Any,
    whole: Whole | None,
    *,
    where: Callable[[int], str],
    noun: str = "cell",
) -> str:
    """Return how many cells of two columns of one length differ and the first of them, or nothing.

    Parameters
    ----------
    look
        The look that this is part of.
    before, after
        The columns, which can be sliced.
    whole
        Tells of two blocks which cells differ. None, or where it raises: cells are compared one by one.
    where
        Tells a place.
    noun
        For a cell.
    """
    changed, first = 0, None
    for start, places in _differences(look, before, after, whole):
        changed += len(places)
        if first is None and len(places):
            first = start + int(places[0])
    if first is None:
        return ""
    least = "at least " if look.stopped else ""
    total = f"{len(before):,} {noun}{'' if len(before) == 1 else 's'}"
    old, new = (_listed(column[first : first + 1])[0] for column in (before, after))
    return f"{least}{changed:,} of {total} changed, first {where(first)}: {look.pair(old, new)}"


def _differences(
    look: Inside, before: Any, after: Any, whole: Whole | None
) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
    """Yield, block by block, where it starts and which of its cells differ."""
    start, total = 0, len(before)
    strict = _same_kind(before, after)
    while start < total and not look.over:
        size = _CELLS if whole else _OBJECTS
        old, new = before[start : start + size], after[start : start + size]
        mask = _as_whole(whole, old, new) if whole else _one_by_one(look, old, new, strict=strict)
        if mask is None:
            whole = None
        else:
            yield start, np.flatnonzero(mask)
            start += size


def _as_whole(whole: Whole, old: Any, new: Any) -> Mask | None:
    """Return which cells differ, or None where the library cannot compare cells of this kind."""
    try:
        mask = whole(old, new)
    except Exception:  # noqa: BLE001 - each library has errors of its own for this
        return None
    return mask if mask.shape == (len(old),) else None


def _one_by_one(look: Inside, old: Any, new: Any, *, strict: bool) -> Mask:
    """Return which cells differ; those of columns of different types do when their values do."""
    differ = look.differ if strict else _values_differ
    pairs = zip(_listed(old), _listed(new), strict=True)
    return np.fromiter((not alike(x, y) and differ(x, y) for x, y in pairs), bool, len(old))


def _listed(block: Any) -> list[Any]:
    for method in ("to_pylist", "to_list"):  # Arrow, polars
        if hasattr(block, method):
            found: list[Any] = getattr(block, method)()
            return found
    return list(np.asarray(block) if str(block.dtype) == "object" else block)


def _values_differ(old: Any, new: Any) -> bool:
    try:
        return not (bool(old == new) or (bool(pd.isna(old)) and bool(pd.isna(new))))
    except Exception:  # noqa: BLE001 - a cell may be of any class, or missing, or an array
        return old is not new


def _same_kind(before: Any, after: Any) -> bool:
    old, new = (getattr(column, "dtype", getattr(column, "type", None)) for column in (before, after))
    return bool(old == new)


def plainly(old: Any, new: Any) -> Mask:
    """Tell of two blocks of numpy or pandas which cells differ; NaN equals NaN."""
    if isinstance(old, pd.Categorical) and isinstance(new, pd.Categorical) and old.dtype != new.dtype:
        old, new = np.asarray(old), np.asarray(new)  # with other categories they have no equality
    differs = old != new
    if isinstance(differs, ExtensionArray):  # unknown where one of both is missing
        differs = differs.to_numpy(dtype=bool, na_value=True)
    missing = pd.isna(old) & pd.isna(new)
    mask: Mask = np.asarray(differs, dtype=bool) & ~np.asarray(missing, dtype=bool)
    return mask
