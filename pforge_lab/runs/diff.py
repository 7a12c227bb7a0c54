"""What differs between two moments of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pforge_lab.errors import NotKept
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    from pforge_lab.runs.variables import Moment

COLUMNS = ("variable", "change", "before", "after")
MOST = 5  # parts of a mapping or sequence that are told one by one


def difference(a: Moment, b: Moment) -> pd.DataFrame:
    """Return a row per variable that was added, removed or changed from ``a`` to ``b``.

    ``before`` and ``after`` are short descriptions; for changed frames and arrays ``after`` tells
    the number of changed cells and the first of them. Only variables whose snapshots differ are
    loaded.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def numbers(n: int): return list(range(n))
    >>> run = pf.Pipeline.from_functions("count", numbers).start({"n": 3}, state="memory:")
    >>> record = run.step()
    >>> run.diff()
      variable change before        after
    0  numbers  added         [0, 1, 2]
    """
    names = sorted(name for name in b.manifest.changed_since(a.manifest) if name)
    rows = []
    for name in names:
        if name not in a.variables:
            rows.append([name, "added", "", _describe(b, name)])
        elif name not in b.variables:
            rows.append([name, "removed", _describe(a, name), ""])
        else:
            rows.append([name, "changed", *_changed(a, b, name)])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _changed(a: Moment, b: Moment, name: str) -> tuple[str, str]:
    try:
        before, after = a[name], b[name]
    except NotKept:
        return _describe(a, name), _describe(b, name)
    detail = compare(before, after)
    text = brief(after)
    return brief(before), f"{text}: {detail}" if detail else text


def _describe(moment: Moment, name: str) -> str:
    try:
        return brief(moment[name])
    except NotKept as error:
        return f"not kept ({error.reason})"


def brief(value: object) -> str:
    """Return one short line that tells a value."""
    kind, shape, preview = describe(value.item() if isinstance(value, np.generic) else value)
    return f"{kind} {shape}" if isinstance(value, (pd.DataFrame, pd.Series, np.ndarray)) else preview


def compare(before: object, after: object) -> str:
    """Return what changed inside a value, or an empty string where nothing more is to tell."""
    if type(before) is not type(after):
        return ""
    for kind, inside in _INSIDE:
        if isinstance(after, kind):
            return inside(before, after)
    return ""


def _frames(before: pd.DataFrame, after: pd.DataFrame) -> str:
    told = []
    added, gone = after.columns.difference(before.columns), before.columns.difference(after.columns)
    told += [f"+ {', '.join(map(str, added))}"] if len(added) else []
    told += [f"- {', '.join(map(str, gone))}"] if len(gone) else []
    both = [name for name in after.columns if name in before.columns]
    told += [
        f"{name} {before[name].dtype} -> {after[name].dtype}"
        for name in both
        if before[name].dtype != after[name].dtype
    ]
    if len(before) != len(after):
        told.append(f"{len(after) - len(before):+} rows")
    elif after.columns.is_unique and before.columns.is_unique:
        told += [
            text for name in both if (text := _cells(before[name].array, after[name].array, f"{name}, row "))
        ]
    return "; ".join(told[:MOST])


def _arrays(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> str:
    return _cells(before.ravel(), after.ravel(), "item ") if before.shape == after.shape else ""


def _cells(before: Any, after: Any, where: str) -> str:
    """Return how many cells differ and the first of them; NaN equals NaN."""
    try:
        differs = np.asarray((before != after) & ~(pd.isna(before) & pd.isna(after)), dtype=bool)
    except (TypeError, ValueError):  # values of a kind that cannot be compared one by one
        return ""
    places = np.flatnonzero(differs)
    if not len(places):
        return ""
    first = int(places[0])
    return f"{len(places)} cells, first {where}{first}: {brief(before[first])} -> {brief(after[first])}"


def _mappings(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> str:
    told = [f"+ {key!r}" for key in after if key not in before]
    told += [f"- {key!r}" for key in before if key not in after]
    told += [
        f"{key!r}: {text}" for key in after if key in before and (text := _item(before[key], after[key]))
    ]
    return _few(told)


def _sequences(before: Sequence[Any], after: Sequence[Any]) -> str:
    told = [f"{len(after) - len(before):+} items"] if len(before) != len(after) else []
    pairs = zip(before, after, strict=False)
    told += [f"[{place}]: {text}" for place, (old, new) in enumerate(pairs) if (text := _item(old, new))]
    return _few(told)


def _item(before: object, after: object) -> str:
    if before is after:
        return ""
    try:
        if bool(before == after) and type(before) is type(after):
            return ""
    except (TypeError, ValueError):  # frames and arrays have no single truth value
        if not compare(before, after):
            return ""
    inside = compare(before, after)
    return inside or f"{brief(before)} -> {brief(after)}"


def _few(told: list[str]) -> str:
    more = f"; and {len(told) - MOST} more" if len(told) > MOST else ""
    return "; ".join(told[:MOST]) + more


_INSIDE: tuple[tuple[Any, Callable[[Any, Any], str]], ...] = (
    (pd.DataFrame, _frames),
    (
        pd.Series,
        lambda before, after: _cells(before.array, after.array, "row ") if len(before) == len(after) else "",
    ),
    (np.ndarray, _arrays),
    (Mapping, _mappings),
    ((list, tuple), _sequences),
)
