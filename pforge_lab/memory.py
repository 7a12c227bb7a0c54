"""Arrays that share memory: which do, and how they come back as views of one memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

Array = np.ndarray[Any, Any]


def owner(array: Array) -> Array:
    """Return the array at the end of the chain of bases."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def identity(array: Array) -> Hashable:
    """Return what all views of one memory have in common."""
    root = owner(array)
    return id(root) if root.base is None else ("address", root.__array_interface__["data"][0])


@dataclass(frozen=True, slots=True)
class Memory:
    """The bytes that several arrays view.

    Attributes
    ----------
    data
        From the first byte any of them views to the last.
    start
        Address of its first byte.
    """

    data: Array
    start: int

    def reduce(self, array: Array) -> tuple[Any, ...]:
        """Return how pickle rebuilds a view of this memory."""
        offset = array.__array_interface__["data"][0] - self.start
        return view, (self.data, offset, array.shape, array.strides, array.dtype, array.flags.writeable)


def view(data: Array, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Array:  # noqa: PLR0917 - called by pickle, by position
    """Return an array over a part of ``data``; numpy checks that it is inside."""
    array: Array = np.ndarray(shape, dtype, data, offset, strides)
    if not writeable:
        array.flags.writeable = False
    return array


def overlapping(arrays: Iterable[Array]) -> dict[Hashable, Memory]:
    """Return the memories that more than one of ``arrays`` views, by `identity`.

    Arrays of Python objects are left out: their memory is not data.
    """
    views: dict[Hashable, list[Array]] = defaultdict(list)
    for array in arrays:
        if array.size and not array.dtype.hasobject:
            views[identity(array)].append(array)
    return {
        key: memory
        for key, members in views.items()
        if len(members) > 1 and (memory := _memory(members)) is not None
    }


def _memory(members: list[Array]) -> Memory | None:
    root = owner(members[0])
    if not (root.flags.c_contiguous or root.flags.f_contiguous) or root.dtype.hasobject:
        return None
    bounds = [np.lib.array_utils.byte_bounds(member) for member in members]
    start, end = min(low for low, _ in bounds), max(high for _, high in bounds)
    first = root.__array_interface__["data"][0]
    return Memory(root.ravel(order="K").view(np.uint8)[start - first : end - first], start)
