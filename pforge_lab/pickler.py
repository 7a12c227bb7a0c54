"""The pickler of snapshots: what goes out of band, what is shared, what comes back independent."""

from __future__ import annotations

import gc
import io
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any, is_typeddict

import cloudpickle
import numpy as np

from pforge_lab import memory, unimportable
from pforge_lab.caches import SLOTS, without_cache
from pforge_lab.custom_types import FORMS, LOOKED, registered

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

IN_BAND = 4096  # smaller buffers stay in the stream: a chunk of their own costs more than it saves

# What two variables may share without anybody being able to tell: it cannot be changed in place
_UNALIASED = (
    *(str, bytes, int, float, complex, bool, type(None), tuple, frozenset, type, range, slice),
    *(types.BuiltinFunctionType, types.ModuleType, np.dtype, np.generic, pickle.PickleBuffer),
)
# What is a view of another object
_OF_DICT: dict[str, Any] = {
    type(make({})).__name__: make for make in (dict.keys, dict.values, dict.items, types.MappingProxyType)
}
_FORMATS = frozenset("?bBhHiIlLqQnNfdcP")  # of memoryviews that can be cast
_REDUCTION = ("__reduce__", "__reduce_ex__", "__setstate__")  # what an array of another kind may redefine
_UNALIASED_ROOTS = frozenset(("datetime", "decimal", "fractions", "pathlib", "pyarrow", "uuid", "zoneinfo"))
_UNALIASED_PANDAS = ("Array", "Block", "Dtype", "Index", "Manager", "Type")


class Pickler(cloudpickle.Pickler):  # type: ignore[misc] # cloudpickle is untyped
    """cloudpickle with reducers of our own.

    - arrays that are views of one memory as views of it (``memories``);
    - datetime arrays and arrays that are not contiguous out of band, which numpy would copy into
      the stream; masked arrays by their parts; polars frames and series as Arrow;
    - Arrow columns without the copy that pandas makes of each, unless they are a small part of
      what they view;
    - blocks of frames as arrays of their own: pandas does not pickle which frames share a block
      copy-on-write, so a write through one would change the other after loading.

    Attributes
    ----------
    buffers
        What went out of band, in order.
    arrays
        Arrays met, without those inside frames.
    blocks
        Those inside frames.
    """

    def __init__(
        self, memories: Mapping[Hashable, memory.Memory], *, in_band: bool, here: bool = False
    ) -> None:
        self._here = vars(sys.modules["__main__"]) if here else None
        self.file = io.BytesIO()
        self.buffers: list[memoryview] = []
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.blocks: list[np.ndarray[Any, Any]] = []
        self._memories = memories
        self._inside: set[int] = set()  # parts of arrays met already
        super().__init__(self.file, protocol=5, buffer_callback=None if in_band else _keeper(self.buffers))

    def objects(self) -> dict[Hashable, object]:
        """Return the objects that another variable may hold too, and somebody may change, by id."""
        met = [entry[1] for entry in self.memo.copy().values()]
        common = {id(getattr(type(obj), "_metadata", None)) for obj in met}  # of pandas: one list a class
        common |= self._inside
        return {id(obj): obj for obj in met if id(obj) not in common and _aliasable(obj)}

    def reducer_override(self, obj: Any) -> Any:
        """Return how one object is rebuilt."""
        kind = type(obj)
        if kind is np.ndarray:
            return self._array(obj)
        if (kind in FORMS or kind.__module__ not in LOOKED) and (form := registered(obj)):
            return form
        if isinstance(obj, np.ndarray):
            return self._kind_of_array(obj, kind)
        rule = self._rule(obj, kind)
        return self._by_value(obj, kind) if rule is None else rule

    def _by_value(self, obj: Any, kind: type) -> Any:
        """Return how what has no rule is rebuilt: functions and classes of the user as cloudpickle does it."""
        reduced = super().reducer_override(obj)
        if kind is types.FunctionType and obj.__globals__ is self._here and isinstance(reduced, tuple):
            return _without_globals(reduced)
        if isinstance(obj, type) and isinstance(reduced, tuple) and len(reduced) > 2:
            if is_typeddict(obj):
                return unimportable.typed_dict(obj)
            reduced[2][0].pop(SLOTS, None)
        return unimportable.rebuilt(obj, kind, self.dispatch_table) if reduced is NotImplemented else reduced

    def _rule(self, obj: Any, kind: type) -> Any:
        """Return how an object of a library is rebuilt, or None where there is no rule for it here."""
        module = kind.__module__
        if module == "builtins":
            return _builtin(obj, kind)
        if module.startswith(("pandas.", "polars.")):
            return self._of_frames(obj, kind, module)
        if kind is io.TextIOWrapper:  # cloudpickle would read the file, and give back its text for a file
            raise pickle.PicklingError("cannot pickle an open file")
        return None

    def _of_frames(self, obj: Any, kind: type, module: str) -> Any:
        """Return how an object of pandas or polars is rebuilt; None where they pickle it well."""
        if module == "pandas.core.internals.blocks":
            return self._block(obj)
        if module == "pandas.arrays" and kind.__name__.startswith("Arrow"):
            return _arrow_column, (kind, _compact(obj._pa_array), obj.dtype)  # noqa: SLF001 - pandas has no public way
        if module.startswith("polars."):
            return _polars(obj, kind) if kind.__name__ in ("DataFrame", "Series") else None
        return without_cache(obj) if "_cache" in getattr(obj, "__dict__", ()) else None

    def _array(self, array: np.ndarray[Any, Any]) -> Any:
        if id(array) not in self._inside:
            self.arrays.append(array)
        known = self._memories.get(memory.identity(array)) if self._memories else None
        if known is not None and array is not known.data:
            return known.reduce(array)
        if array.dtype.hasobject or array.nbytes < IN_BAND:
            return NotImplemented
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            return _as_is, (self._part(np.ascontiguousarray(array)), array.flags.writeable)
        if array.dtype.kind in "mM":  # the only plain ones that do not export a buffer
            return _datetimes, (self._part(array.view(np.int64)), array.dtype.str)
        return NotImplemented

    def _kind_of_array(self, array: Any, kind: type) -> Any:
        """Return how an array of another kind is rebuilt: as a view of a plain one, if it adds no state of its own."""
        if kind is np.ma.MaskedArray:
            return _masked, (array.data, array.mask, array.fill_value, bool(array.hardmask))
        own = any(getattr(kind, name) is not getattr(np.ndarray, name) for name in _REDUCTION)
        if own or kind is np.memmap:
            self.arrays.append(array)
            return super().reducer_override(array)
        return _of_kind, (kind, array.view(np.ndarray))

    def _block(self, block: Any) -> Any:
        rebuild, (values, *rest) = block.__reduce__()
        return rebuild, (self._own(values), *rest)

    def _own(self, values: Any) -> Any:
        """Return the values of a block as an object that no other block holds."""
        if isinstance(values, np.ndarray):
            return self._in_block(values)
        if hasattr(values, "_ndarray"):  # datetimes, categories and the like wrap an array
            return values._from_backing_data(self._in_block(values._ndarray))  # noqa: SLF001 - pandas has no public way
        if hasattr(values, "_mask"):  # nullable columns
            parts = (self._in_block(part) for part in (values._data, values._mask))  # noqa: SLF001
            return type(values)(*parts, copy=False)
        if hasattr(values, "_pa_array"):  # Arrow's memory never changes
            return values.view()
        return values.copy()

    def _in_block(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        own = array.view()
        self.blocks.append(own)
        return self._part(own)

    def _part(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self._inside.add(id(array))
        return array


def _keeper(buffers: list[memoryview]) -> Callable[[pickle.PickleBuffer], bool]:
    """Return what sets large buffers aside; no method, so that a pickler is freed without the garbage collector."""

    def keep(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < IN_BAND:
            return True
        buffers.append(raw)
        return False

    return keep


def _aliasable(obj: object) -> bool:
    if isinstance(obj, _UNALIASED):
        return False
    kind = type(obj)
    root = kind.__module__.partition(".")[0]
    if kind.__name__.endswith(
        ("function", "method")
    ):  # of Python, of Cython: those of modules go by reference
        return getattr(obj, "__module__", None) == "__main__"
    if root == "pandas":
        return not kind.__name__.endswith(_UNALIASED_PANDAS)
    if root == "polars":  # beside these its objects cannot be changed
        return kind.__name__ in ("DataFrame", "Series")
    return root not in _UNALIASED_ROOTS


def _without_globals(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return how a function of the notebook is rebuilt that goes on reading the notebook's own variables."""
    (_, (code, _, _, _, closure), (state, slots), *rest) = reduced
    return (_function_here, (code, closure), (state, slots | {"__globals__": {}}), *rest)


def _function_here(code: types.CodeType, closure: Any) -> types.FunctionType:
    return types.FunctionType(code, vars(sys.modules["__main__"]), None, None, closure)


def _builtin(obj: Any, kind: type) -> Any:
    """Return how a view of another object is rebuilt: as one of it; None for anything else."""
    if kind is memoryview:
        return _memoryview(obj)
    if kind.__name__ in _OF_DICT:
        mapping = gc.get_referents(obj)[0]
        if type(mapping) is dict and "__module__" not in mapping:  # that of a class is none of a variable
            return _of_dict, (kind.__name__, mapping)
    return None


def _memoryview(viewed: memoryview) -> Any:
    """Return how a memoryview is rebuilt: of the memory that it is a view of."""
    if not viewed.c_contiguous or viewed.format not in _FORMATS or not viewed.nbytes:
        raise pickle.PicklingError(
            f"cannot pickle a memoryview of format {viewed.format!r}, shape {viewed.shape}"
        )
    return _memory_of, (np.frombuffer(viewed, np.uint8), viewed.format, viewed.shape, viewed.readonly)


def _memory_of(data: Any, code: Any, shape: Any, readonly: bool) -> Any:
    whole = memoryview(data).cast("B")
    made = whole.cast(code, shape) if shape else whole.cast(code)
    return made.toreadonly() if readonly else made


def _of_dict(kind: str, mapping: dict[Any, Any]) -> Any:
    return _OF_DICT[kind](mapping)


def _of_kind(kind: Any, array: np.ndarray[Any, Any]) -> Any:
    if not (isinstance(kind, type) and issubclass(kind, np.ndarray)):
        raise TypeError(f"{kind!r} is no kind of array")
    return np.ndarray.view(array, kind)


def _as_is(array: np.ndarray[Any, Any], writeable: bool) -> np.ndarray[Any, Any]:
    if not writeable:
        array.flags.writeable = False
    return array


def _datetimes(numbers: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    return numbers.view(dtype)


def _masked(data: Any, mask: Any, fill_value: Any, hard: bool) -> Any:
    return np.ma.MaskedArray(data, mask=mask, fill_value=fill_value, hard_mask=hard)


def _compact(chunks: Any) -> Any:
    """Return an Arrow column as it is, or copied when it views more than twice what it holds."""
    return chunks.combine_chunks() if chunks.get_total_buffer_size() > 2 * chunks.nbytes + IN_BAND else chunks


def _arrow_column(kind: type, data: Any, dtype: Any) -> Any:
    from pandas.arrays import ArrowExtensionArray  # noqa: PLC0415 - only where such columns are met
    from pyarrow import ChunkedArray, chunked_array  # noqa: PLC0415 - only where such columns are met

    if not issubclass(kind, ArrowExtensionArray):
        raise TypeError(f"{kind.__name__} is no Arrow column")
    column = kind.__new__(kind)
    chunks = data if isinstance(data, ChunkedArray) else chunked_array([data])
    column.__dict__.update(_pa_array=chunks, _dtype=dtype, _cache={})
    return column


def _polars(value: Any, kind: type) -> Any:
    polars = sys.modules["polars"]
    is_frame = kind is polars.DataFrame
    frame = value if is_frame else value.to_frame()
    try:
        table = frame.to_arrow(compat_level=polars.CompatLevel.newest())
    except sys.modules["pyarrow"].ArrowException:  # a type that pyarrow cannot take, such as Int128
        return None
    if polars.from_arrow(table).schema != frame.schema:  # a type Arrow does not have
        return None
    return _from_arrow, (table, is_frame)


def _from_arrow(table: Any, is_frame: bool) -> Any:
    import polars as pl  # noqa: PLC0415 - only where polars data are met

    frame = pl.DataFrame(table)
    return frame if is_frame else frame.to_series()
