"""What changed inside a value: columns, cells, items; in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from pforge_lab.values.describe import describe

MOST = 5  # parts of a value that are told one by one
_CELLS = 1 << 18  # compared between two looks at the clock; 10 ms of Python objects
_ITEMS = 1 << 10
_WHOLE = (pd.DataFrame, pd.Series, np.ndarray)  # have no single truth value when they are compared


def brief(value: object) -> str:
    """Return one short line that tells a value."""
    kind, shape, preview = describe(value.item() if isinstance(value, np.generic) else value)
    return f"{kind} {shape}" if isinstance(value, _WHOLE) else preview


class Inside:
    """Looks for what changed inside values, for so long and no longer.

    Parameters
    ----------
    seconds
        To look in all values together; None for as long as it takes.
    clock
        Tells the time in seconds.

    Attributes
    ----------
    stopped
        Whether there was more to look at when the time was over.

    Examples
    --------
    >>> Inside(seconds=1).compare({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]})
    "'b': [1]: 2 -> 3"
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stopped = False
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds

    @property
    def over(self) -> bool:
        """Whether the time is over; to be asked when there is more to look at."""
        if self._end is not None and self._clock() >= self._end:
            self.stopped = True
            return True
        return False

    def compare(self, before: object, after: object) -> str:
        """Return what changed inside a value, or an empty string where nothing more is to tell."""
        if type(before) is not type(after) or self.over:
            return ""
        for kind, inside in _INSIDE:
            if isinstance(after, kind):
                return inside(self, before, after)
        return ""

    def frames(self, before: pd.DataFrame, after: pd.DataFrame) -> str:
        """Return which columns of a frame were added, removed or are of another type, and which cells changed."""
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
            for name in both:
                if self.over:
                    break
                told.append(self._cells(before[name].array, after[name].array, f"{name}, row "))
        return _few([text for text in told if text], "columns")

    def series(self, before: pd.Series, after: pd.Series) -> str:
        """Return how the length or the type of a series changed, or which rows."""
        if len(before) != len(after):
            return f"{len(after) - len(before):+} rows"
        kinds = f"{before.dtype} -> {after.dtype}" if before.dtype != after.dtype else ""
        cells = self._cells(before.array, after.array, "row ")
        return "; ".join(text for text in (kinds, cells) if text)

    def arrays(self, before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> str:
        """Return how the shape or the type of an array changed, or which items."""
        if before.shape != after.shape:
            return f"shape {before.shape} -> {after.shape}"
        kinds = f"{before.dtype} -> {after.dtype}" if before.dtype != after.dtype else ""
        cells = self._cells(before.reshape(-1), after.reshape(-1), "item ")
        return "; ".join(text for text in (kinds, cells) if text)

    def mappings(self, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> str:
        """Return which keys were added or removed, and what changed under the others."""
        told = [f"+ {key!r}" for key in after if key not in before]
        told += [f"- {key!r}" for key in before if key not in after]
        both = ((repr(key), before[key], after[key]) for key in after if key in before)
        return self._items(told, both)

    def sequences(self, before: Sequence[Any], after: Sequence[Any]) -> str:
        """Return how the length changed, and which items."""
        told = [f"{len(after) - len(before):+} items"] if len(before) != len(after) else []
        pairs = zip(before, after, strict=False)
        return self._items(told, ((f"[{place}]", old, new) for place, (old, new) in enumerate(pairs)))

    def _items(self, told: list[str], items: Iterable[tuple[str, object, object]]) -> str:
        """Return what changed in items, each with its place: the first ones in full, the others counted."""
        more = max(0, len(told) - MOST)
        for number, (place, before, after) in enumerate(items):
            if number % _ITEMS == 0 and self.over:
                break
            if len(told) >= MOST:
                more += self._differ(before, after)
            elif self._differ(before, after):
                told.append(f"{place}: {self.compare(before, after) or f'{brief(before)} -> {brief(after)}'}")
        return "; ".join(told[:MOST]) + (f"; and {more} more" if more else "")

    def _differ(self, before: object, after: object) -> bool:
        if before is after:
            return False
        if isinstance(before, _WHOLE) and type(before) is type(after):
            return bool(self.compare(before, after))
        try:
            return not (bool(before == after) and type(before) is type(after))
        except (TypeError, ValueError):  # there are frames and arrays inside
            return bool(self.compare(before, after))

    def _cells(self, before: Any, after: Any, where: str) -> str:
        """Return how many cells differ and the first of them; NaN equals NaN."""
        count, first = 0, None
        try:
            for start, places in self._differences(before, after):
                count += len(places)
                if first is None and len(places):
                    first = start + int(places[0])
        except (TypeError, ValueError):  # values of a kind that cannot be compared one by one
            return ""
        if first is None:
            return ""
        least = "at least " if self.stopped else ""
        return f"{least}{count} cells, first {where}{first}: {brief(before[first])} -> {brief(after[first])}"

    def _differences(self, before: Any, after: Any) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
        """Yield, block by block, where it starts and which of its cells differ."""
        for start in range(0, len(before), _CELLS):
            if self.over:
                return
            old, new = before[start : start + _CELLS], after[start : start + _CELLS]
            differs = old != new
            if isinstance(differs, ExtensionArray):  # unknown where one of both is missing
                differs = differs.to_numpy(dtype=bool, na_value=True)
            missing = pd.isna(old) & pd.isna(new)
            yield start, np.flatnonzero(np.asarray(differs, dtype=bool) & ~np.asarray(missing, dtype=bool))


def _few(told: list[str], what: str) -> str:
    more = f"; and {len(told) - MOST} more {what}" if len(told) > MOST else ""
    return "; ".join(told[:MOST]) + more


_INSIDE: tuple[tuple[Any, Callable[[Inside, Any, Any], str]], ...] = (
    (pd.DataFrame, Inside.frames),
    (pd.Series, Inside.series),
    (np.ndarray, Inside.arrays),
    (Mapping, Inside.mappings),
    ((list, tuple), Inside.sequences),
)
