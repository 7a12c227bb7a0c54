"""Arrays and frames that nobody can change in place without holding them: their parts are theirs alone."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.late import is_frame

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_whole(value: object) -> bool:
    """Return whether nobody holds a part of an array or a frame; False for anything else.

    Of a frame somebody may have its columns' arrays, what these are views of, its index, its ``attrs``: whoever
    has one of them can change the frame though nobody holds the frame itself.

    Examples
    --------
    >>> import pandas as pd
    >>> array, frame = np.zeros(3), pd.DataFrame({"a": [1.0, 2.0]})
    >>> is_whole(array), is_whole(array[1:]), is_whole([array]), is_whole(frame)
    (True, False, False, True)
    >>> index = frame.index
    >>> is_whole(frame)
    False
    """
    if isinstance(value, np.ndarray):
        return value.base is None and not value.dtype.hasobject
    if not is_frame(value) or type(value).__module__.partition(".")[0] != "pandas":
        return False
    if value._attrs:  # noqa: SLF001 - the parts of a frame have no public names
        return False
    try:
        parts = [*_parts(value)]
    except TypeError:
        return False
    times = Counter(map(id, parts))  # several columns may be views of one array
    return all(sys.getrefcount(part) <= _COUNTING + 2 * times[id(part)] for part in parts)


def _parts(frame: Any) -> Iterator[object]:
    """Yield what a frame consists of and can be changed; TypeError where that is not known."""
    yield frame._attrs  # noqa: SLF001 - as above
    for block in frame._mgr.blocks:  # noqa: SLF001
        values = block.values
        yield values
        if isinstance(values, np.ndarray):
            yield from _below(values)
        elif hasattr(values, "_ndarray"):  # datetimes, categories and the like
            yield from _array(values._ndarray)  # noqa: SLF001
        elif hasattr(values, "_mask"):  # nullable columns
            yield from _array(values._data)  # noqa: SLF001
            yield from _array(values._mask)  # noqa: SLF001
        elif not hasattr(values, "_pa_array"):  # Arrow's memory never changes
            raise TypeError(type(values))
    yield from frame._mgr.axes  # noqa: SLF001


def _array(array: np.ndarray[Any, Any]) -> Iterator[object]:
    yield array
    yield from _below(array)


def _below(array: np.ndarray[Any, Any]) -> Iterator[object]:
    """Yield the arrays that an array is a view of."""
    if array.dtype.hasobject:
        raise TypeError(array.dtype)
    while isinstance(array.base, np.ndarray):
        array = array.base
        yield array


def _counting() -> int:
    """Return what counting adds to the references of a part: beside it once in a list, and once in what has it."""
    holder = [[object()]]
    parts = [part[0] for part in holder]
    return max(sys.getrefcount(part) for part in parts) - 2


_COUNTING = _counting()
