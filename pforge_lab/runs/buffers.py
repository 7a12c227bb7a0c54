"""Where the bytes of arrays, frames and tensors really live.

A view, a slice or a column does not hold memory of its own: it keeps the allocation alive that
it points into. ``opening`` tells how to resolve such an object to its owning allocations, each named by its
address, so that a ledger can count each of them once.

No library is imported here that the process has not imported: an object of its types could not
exist otherwise.
"""

from __future__ import annotations

import mmap
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FRAMES = frozenset({"numpy", "pandas", "polars", "pyarrow", "torch"})


@dataclass(slots=True)
class Parts:
    """What an object consists of beside itself.

    Attributes
    ----------
    buffers
        Bytes of each owning allocation, by address.
    children
        Objects that it keeps alive.
    elements
        A large number of objects that it keeps alive, when it is an array of objects.
    approx
        True when the library does not say where its bytes are, so that sharing is not seen.
    """

    buffers: dict[int, int] = field(default_factory=dict)
    children: list[object] = field(default_factory=list)
    elements: Sequence[object] | None = None
    approx: bool = False


def library(kind: type) -> str:
    """Return which of the known libraries defines a type or one of its bases; empty, if none does."""
    for base in kind.__mro__:
        name = str(base.__module__).partition(".")[0]
        if name in _RESOLVERS or name in FRAMES:
            return name
    return ""


def owns_buffers(kind: type) -> bool:
    """Return whether objects of this type may own much more memory than they show.

    Arrays, frames and what they are made of do; the scalars of the same libraries do not, and
    there may be millions of those.

    Examples
    --------
    >>> import numpy as np
    >>> owns_buffers(np.ndarray), owns_buffers(np.float64), owns_buffers(list)
    (True, False, False)
    """
    name = library(kind)
    if name == "numpy":
        return issubclass(kind, sys.modules["numpy"].ndarray)
    return (
        name in FRAMES and "tslibs" not in kind.__module__ and not kind.__name__.endswith(("Scalar", "Dtype"))
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a type.

    Attributes
    ----------
    resolve
        Gives the parts of such an object, or None for one that has none; None where no object has.
    owns
        As `owns_buffers` tells.
    """

    resolve: Callable[[Any], Parts | None] | None
    owns: bool


def opening(kind: type) -> Opening:
    """Return how objects of a type are opened up: arrays, tables, tensors and memory maps. To be asked once per type.

    Memory of other devices (a GPU) is not the process's and does not count. A memory-mapped file
    counts in full, as if all of it were resident.

    Examples
    --------
    >>> import numpy as np
    >>> whole = np.zeros(1000)
    >>> resolve = opening(np.ndarray).resolve
    >>> resolve(whole[10:20]).buffers == resolve(whole).buffers == {whole.ctypes.data: 8000}
    True
    """
    return Opening(_RESOLVERS.get(library(kind)), owns_buffers(kind))


def _numpy(array: Any) -> Parts | None:
    numpy = sys.modules["numpy"]
    if not isinstance(array, numpy.ndarray):
        return None
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    owner = array.base
    parts = Parts()
    if array.dtype.hasobject:
        parts.elements = _objects(array)
    if owner is None or not _is_walked(owner):
        if array.nbytes:
            parts.buffers[array.__array_interface__["data"][0]] = array.nbytes
    else:
        parts.children.append(owner)
    return parts


def _is_walked(owner: object) -> bool:
    """Return whether the bytes of an array's base are found on the base itself, not on the array."""
    return isinstance(owner, (bytes, bytearray, memoryview, mmap.mmap)) or library(type(owner)) in FRAMES


def _objects(array: Any) -> Sequence[object]:
    if array.dtype.names is None:
        flat: Sequence[object] = array.reshape(-1) if array.flags.contiguous else array.ravel(order="K")
        return flat
    return [item for name in array.dtype.names if array.dtype[name].hasobject for item in array[name].ravel()]


def _pandas(value: Any) -> Parts | None:
    """Return the arrays of a frame or series, which are several objects deep within it."""
    manager = getattr(value, "_mgr", None)
    return None if manager is None else Parts(children=list(manager.arrays))


def _pyarrow(value: Any) -> Parts | None:
    pyarrow = sys.modules["pyarrow"]
    parts = Parts()
    if isinstance(value, pyarrow.Buffer):
        _add_arrow_buffer(value, parts)
    elif isinstance(value, pyarrow.Array):
        _add_arrow_array(value, parts)
    elif isinstance(value, pyarrow.ChunkedArray):
        for chunk in value.chunks:
            _add_arrow_array(chunk, parts)
    elif isinstance(value, (pyarrow.Table, pyarrow.RecordBatch)):
        for column in value.columns:
            for chunk in getattr(column, "chunks", (column,)):
                _add_arrow_array(chunk, parts)
    else:
        return None
    return parts


def _add_arrow_array(array: Any, parts: Parts) -> None:
    for buffer in array.buffers():
        if buffer is not None:
            _add_arrow_buffer(buffer, parts)
    dictionary = getattr(array, "dictionary", None)
    if dictionary is not None:
        _add_arrow_array(dictionary, parts)


def _add_arrow_buffer(buffer: Any, parts: Parts) -> None:
    while buffer.parent is not None:
        buffer = buffer.parent
    if buffer.size and buffer.is_cpu:
        parts.buffers[buffer.address] = max(buffer.size, parts.buffers.get(buffer.address, 0))


def _polars(value: Any) -> Parts | None:
    polars = sys.modules["polars"]
    if isinstance(value, polars.DataFrame):
        columns = value.get_columns()
    elif isinstance(value, polars.Series):
        columns = [value]
    else:
        return None
    if "pyarrow" not in sys.modules or any("Object" in str(column.dtype) for column in columns):
        return _estimated(value)
    parts = Parts()
    try:
        for column in columns:
            for chunk in column.get_chunks() if column.n_chunks() > 1 else [column]:
                _add_arrow_array(chunk.to_arrow(compat_level=polars.CompatLevel.newest()), parts)
    except sys.modules["pyarrow"].ArrowException:  # a type that pyarrow cannot take, such as Int128
        return _estimated(value)
    return parts


def _estimated(value: Any) -> Parts:
    """Return what polars says that a frame or series holds."""
    return Parts({_beside(value): value.estimated_size()}, approx=True)


def _torch(value: Any) -> Parts | None:
    if not hasattr(value, "untyped_storage"):
        return None
    gradient = [value.grad] if getattr(value, "grad", None) is not None else []
    try:
        storage = value.untyped_storage()
    except (NotImplementedError, RuntimeError):  # sparse tensors have none, but are made of tensors that do
        inner = _of_sparse(value)
        return Parts(children=[*gradient, *inner], approx=not inner)
    parts = Parts(children=gradient)
    if value.device.type == "cpu":
        parts.buffers[storage.data_ptr()] = storage.nbytes()
    return parts


_SPARSE = ("_indices", "_values", "crow_indices", "ccol_indices", "col_indices", "row_indices", "values")


def _of_sparse(tensor: Any) -> list[object]:
    """Return the dense tensors of a sparse one, of whichever layout: those it has."""
    inner = []
    for name in _SPARSE:
        try:
            inner.append(getattr(tensor, name)())
        except (AttributeError, NotImplementedError, RuntimeError):  # not of this layout
            continue
    return inner


def _mmap(value: Any) -> Parts | None:
    return Parts({_beside(value): len(value)}) if isinstance(value, mmap.mmap) and not value.closed else None


def _beside(value: object) -> int:
    """Return an address that no other object or buffer has, for bytes whose own is not known."""
    return id(value) + 1


_RESOLVERS: dict[str, Callable[[Any], Parts | None]] = {
    "mmap": _mmap,
    "numpy": _numpy,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "torch": _torch,
}
