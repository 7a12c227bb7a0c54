"""What changed in arrays of numpy and of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pforge_lab.runs.inside.brief import growth
from pforge_lab.runs.inside.cells import cells, plainly
from pforge_lab.values.describe import sketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.runs.inside.cells import Whole
    from pforge_lab.runs.inside.kinds import Part
    from pforge_lab.runs.inside.look import Inside

    Array = np.ndarray[Any, Any]


def arrays(look: Inside, before: Array, after: Array) -> Iterator[Part]:
    """Tell how the shape or the type of an array changed, or which items; of records, field by field."""
    if before.shape != after.shape:
        yield "", f"shape {before.shape} -> {after.shape}"
    if before.dtype != after.dtype:
        yield "", f"{before.dtype} -> {after.dtype}"
    if before.shape != after.shape:
        return
    if before.dtype.names is not None and before.dtype == after.dtype:
        for name in before.dtype.names:
            yield f"[{name!r}]", np.asarray(before)[name], np.asarray(after)[name]
        return
    old, new = (np.asarray(array).reshape(-1) for array in (before, after))
    whole = whole_of(before, after)
    if text := cells(look, old, new, whole, where=lambda item: _where(item, after.shape), noun="item"):
        yield "", text
    order = [_order(array) for array in (before, after)]
    if order[0] != order[1]:
        yield "", f"memory order {order[0]} -> {order[1]}"


def _where(item: int, shape: tuple[int, ...]) -> str:
    return (
        f"at [{', '.join(str(int(place)) for place in np.unravel_index(item, shape))}]" if shape else "here"
    )


def _order(array: Array) -> str:
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def array_arrays(look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell what changed in arrays of the standard library, as in those of numpy."""
    return arrays(look, np.asarray(before), np.asarray(after))


def masked(_look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell what changed in the data, in what masks it, and in what stands for what is masked."""
    yield ".data", before.data, after.data
    yield ".mask", np.ma.getmaskarray(before), np.ma.getmaskarray(after)
    yield ".fill_value", before.fill_value, after.fill_value


def extensions(look: Inside, before: Any, after: Any) -> Iterator[Part]:
    """Tell how the type or the length of an array of pandas changed, or which items."""
    if text := retyped(before.dtype, after.dtype):
        yield "", text
    if grown := growth(len(before), len(after), "item"):
        yield "", grown
    elif text := cells(
        look, before, after, whole_of(before, after), where=lambda item: f"at [{item}]", noun="item"
    ):
        yield "", text


def whole_of(before: Any, after: Any) -> Whole | None:
    """Return what compares blocks of two arrays; objects are compared one by one, as None is not NaN, nor True 1."""
    return None if str(before.dtype) == str(after.dtype) == "object" else plainly


def retyped(before: Any, after: Any) -> str:
    """Return how the type of a column changed, or nothing.

    Examples
    --------
    >>> retyped(np.dtype(int), np.dtype(float))
    'int64 -> float64'
    >>> retyped(pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["a", "b"]))
    "categories: + 'b'"
    """
    if isinstance(before, pd.CategoricalDtype) and isinstance(after, pd.CategoricalDtype):
        return _categories(before, after)
    if before == after and str(before) == str(after):
        return ""
    old, new = str(before), str(after)
    return f"{old} -> {new}" if old != new else f"{before!r} -> {after!r}"


def _categories(before: pd.CategoricalDtype, after: pd.CategoricalDtype) -> str:
    told = []
    old, new = (kind.categories.tolist() for kind in (before, after))
    for sign, some, others in (("+", new, set(old)), ("-", old, set(new))):
        told += [f"{sign} {sketch(one)}" for one in some if one not in others][:3]
    if not told and old != new:
        told.append("another order")
    if not told and str(before.categories.dtype) != str(after.categories.dtype):
        told.append(f"{before.categories.dtype} -> {after.categories.dtype}")
    if before.ordered != after.ordered:
        told.append("ordered" if after.ordered else "no longer ordered")
    return f"categories: {', '.join(told)}" if told else ""
