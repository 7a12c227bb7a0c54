"""Arrays that share memory: which do, and how they come back as views of one memory."""

from __future__ import annotations

import array
import mmap
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

Array = np.ndarray[Any, Any]


# Whose memory several arrays may view, each from a place of its own
_EXPORTERS = (bytearray, array.array, mmap.mmap)


def owner(viewed: Array) -> Array:
    """Return the array at the end of the chain of bases."""
    while isinstance(viewed.base, np.ndarray):
        viewed = viewed.base
    return viewed


def exporter(viewed: Array) -> Any:
    """Return whose memory an array views: an array, a ``bytearray`` or the like, or whatever NumPy knows of it."""
    root = owner(viewed)
    found: Any = root if root.base is None else root.base
    while isinstance(found, memoryview):
        found = found.obj
    return owner(found) if isinstance(found, np.ndarray) else found


def identity(viewed: Array) -> Hashable:
    """Return what all views of one memory have in common: the id of what owns it, where that is known."""
    if viewed.base is None:
        return id(viewed)
    found = exporter(viewed)
    if isinstance(found, (np.ndarray, *_EXPORTERS)):
        return id(found)
    return ("address", owner(viewed).__array_interface__["data"][0])


@dataclass(frozen=True, slots=True)
class Memory:
    """The bytes, or the objects, that several arrays view.

    Attributes
    ----------
    data
        From the first byte any of them views to the last; what owns them where that is pickled itself, or
        where they are objects.
    start
        Address of its first byte.
    """

    data: Any
    start: int

    def reduce(self, viewed: Array) -> tuple[Any, ...]:
        """Return how pickle rebuilds a view of this memory."""
        offset = viewed.__array_interface__["data"][0] - self.start
        rebuild = objects if viewed.dtype.hasobject else view
        return rebuild, (
            self.data,
            offset,
            viewed.shape,
            viewed.strides,
            viewed.dtype,
            viewed.flags.writeable,
        )


def view(data: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Array:  # noqa: PLR0917 - called by pickle, by position
    """Return an array over a part of ``data``; numpy checks that it is inside."""
    made: Array = np.ndarray(shape, dtype, data, offset, strides)
    if not writeable:
        made.flags.writeable = False
    return made


def objects(data: Array, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Array:  # noqa: PLR0917 - called by pickle, by position
    """Return an array over a part of an array of the same objects."""
    return view(data.ravel(order="K"), offset, shape, strides, dtype, writeable)


def overlapping(
    arrays: Iterable[Array], blocks: Iterable[Array] = (), met: Collection[Hashable] = ()
) -> dict[Hashable, Memory]:
    """Return the memories that more than one of ``arrays`` views, by `identity`.

    Parameters
    ----------
    arrays
        Arrays that stand for themselves.
    blocks
        Arrays inside of frames: these share memory with arrays, not among each other, as they are copied on write.
    met
        Ids of the objects beside them: what owns the memory may be among these.
    """
    views: dict[Hashable, list[Array]] = defaultdict(list)
    for each in arrays:
        if each.size:
            views[identity(each)].append(each)
    for each in blocks:
        if each.size and (key := identity(each)) in views:
            views[key].append(each)
    return {
        key: memory
        for key, members in views.items()
        if (len(members) > 1 or (members[0].base is not None and key in met))
        and (memory := _memory(members, owned=key in met)) is not None
    }


def _memory(members: list[Array], *, owned: bool) -> Memory | None:
    """Return the memory of arrays, or None where they are pickled one by one; ``owned``: so is what owns it."""
    source = exporter(members[0])
    if isinstance(source, _EXPORTERS):
        whole = np.frombuffer(source, np.uint8)
        return Memory(source, _address(whole)) if owned else _part(whole, members)
    root = source if isinstance(source, np.ndarray) else owner(members[0])
    if root.dtype.hasobject:
        same = type(root) is np.ndarray and all(member.dtype == root.dtype for member in members)
        return Memory(root, _address(root)) if same else None
    if not (root.flags.c_contiguous or root.flags.f_contiguous):
        return None
    return _part(root.view(np.ndarray).ravel(order="K").view(np.uint8), members)


def _part(whole: Array, members: list[Array]) -> Memory:
    bounds = [np.lib.array_utils.byte_bounds(member) for member in members]
    start, end = min(low for low, _ in bounds), max(high for _, high in bounds)
    first = _address(whole)
    return Memory(whole[start - first : end - first], start)


def _address(whole: Array) -> int:
    address: int = whole.__array_interface__["data"][0]
    return address
