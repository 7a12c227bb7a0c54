"""pandas' objects from data that nobody vouches for.

pandas checks what its public constructors are given, and trusts what it unpickles: blocks that lie beyond
the columns, codes beyond the categories, an index of a sparse array beyond its length. Each function here
stands for one that a stream names, and makes the object through a constructor that checks, or checks itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pandas.api.extensions import ExtensionArray

from pforge_lab import pickler
from pforge_lab.makers.checks import is_array, require, untyped

if TYPE_CHECKING:
    from collections.abc import Callable

pd, pa = untyped("pandas"), untyped("pyarrow")
in_c, internals, sparse = (untyped(f"pandas._libs.{name}") for name in ("arrays", "internals", "sparse"))
base, datetimes, timedeltas, interval = (
    untyped(f"pandas.core.indexes.{name}") for name in ("base", "datetimes", "timedeltas", "interval")
)
BlockManager = untyped("pandas.core.internals.managers").BlockManager
SingleBlockManager = untyped("pandas.core.internals.managers").SingleBlockManager
new_block = untyped("pandas.core.internals.blocks").new_block
_KNOWN = {"_mgr", "_typ", "_metadata", "attrs", "_flags", "_name"}


def _values(values: Any, ndim: int) -> Any:
    sound = is_array(values) if ndim else False
    require(sound or isinstance(values, ExtensionArray), "a column")
    require(values.ndim == ndim or (not is_array(values) and values.ndim == 1), "a column")
    return values


def block(values: Any, placement: Any, ndim: Any) -> Any:
    """Return a block of a frame, that lies where frames have columns."""
    require(type(ndim) is int and ndim in (1, 2), "a block")
    _values(values, ndim)
    if type(placement) is slice:
        ends = (placement.start, placement.stop, placement.step)
        require(all(type(end) is int for end in ends) and min(ends[:2]) >= -1 and ends[2] != 0, "a block")
        count = len(range(*ends))
    else:
        require(is_array(placement, "i", 1) and (placement >= 0).all(), "a block")
        count = len(placement)
    require(count == (len(values) if values.ndim == ndim else 1), "a block")
    return internals._unpickle_block(values, placement, ndim)


def frame_manager(blocks: Any, axes: Any) -> Any:
    """Return what a frame consists of, each column of which is in one block."""
    require(type(blocks) is tuple and type(axes) is list and len(axes) == 2, "a frame")
    require(all(isinstance(axis, pd.Index) for axis in axes), "a frame")
    columns, rows = (len(axis) for axis in axes)
    require(all(isinstance(each, internals.Block) and each.ndim == len(axes) for each in blocks), "a frame")
    require(all(each.shape[1] == rows for each in blocks), "a frame")
    require(sum(len(each.mgr_locs) for each in blocks) == columns, "a frame")
    places = [each.mgr_locs.as_array for each in blocks]
    require(
        np.array_equal(np.sort(np.concatenate([np.empty(0, np.intp), *places])), np.arange(columns)),
        "a frame",
    )
    return BlockManager(blocks, axes, verify_integrity=True)


def series_manager(arguments: Any, state: Any) -> Any:
    """Return what a series consists of."""
    require(not arguments, "a series")
    known = state[3]["0.14.1"]
    (index,), (held,) = known["axes"], known["blocks"]
    require(isinstance(index, pd.Index), "a series")
    values = _values(held["values"], 1)
    require(values.ndim == 1 and len(values) == len(index), "a series")
    return SingleBlockManager(
        new_block(values, placement=internals.BlockPlacement(slice(0, len(index))), ndim=1), index
    )


def framed(kind: Any, manager: type) -> Callable[[Any, Any], Any]:
    """Return what makes a frame or series of what it consists of."""

    def make(arguments: Any, state: Any) -> Any:
        require(not arguments and type(state) is dict and state.keys() <= _KNOWN, kind.__name__)
        require(type(state["_mgr"]) is manager and state["_typ"] == kind._typ, kind.__name__)
        require(state.get("_metadata", kind._metadata) == kind._metadata, kind.__name__)
        (duplicates,) = state["_flags"].items()
        require(type(state["attrs"]) is dict and type(duplicates[1]) is bool, kind.__name__)
        made = kind.__new__(kind)
        made.__setstate__(state)
        return made

    return make


def index(kind: Any, parts: Any) -> Any:
    """Return an index; one of several levels checks its codes."""
    parts = dict(parts)
    if kind is pd.MultiIndex:
        require(all(isinstance(level, pd.Index) for level in parts["levels"]), "an index")
        require(all(is_array(codes, "i", 1) for codes in parts["codes"]), "an index")
        parts |= {"verify_integrity": True, "copy": False}
        return pd.MultiIndex(
            **{key: parts[key] for key in ("levels", "codes", "sortorder", "names", "verify_integrity")}
        )
    if kind is pd.RangeIndex:
        bounds = [parts[name] for name in ("start", "stop", "step")]
        require(all(type(bound) is int and abs(bound) < 1 << 63 for bound in bounds), "an index")
        return pd.RangeIndex(*bounds, name=parts["name"])
    require(kind in (pd.Index, pd.CategoricalIndex, pd.PeriodIndex), "an index")
    require(parts.keys() <= {"data", "name", "freq"}, "an index")
    _values(parts["data"], 1)
    return base._new_Index(kind, parts)


def times(kind: Any, parts: Any) -> Any:
    """Return an index of datetimes or timedeltas."""
    parts = dict(parts)
    inner = {pd.DatetimeIndex: pd.arrays.DatetimeArray, pd.TimedeltaIndex: pd.arrays.TimedeltaArray}[kind]
    require(type(parts["data"]) is inner and parts["data"].ndim == 1, "an index")
    freq = parts.pop("freq", None)
    require(
        parts.keys() == {"data", "name"} and (freq is None or isinstance(freq, pd.offsets.BaseOffset)),
        "an index",
    )
    make = datetimes._new_DatetimeIndex if kind is pd.DatetimeIndex else timedeltas._new_TimedeltaIndex
    return make(kind, {**parts, "freq": freq})


def intervals_index(kind: Any, parts: Any) -> Any:
    """Return an index of intervals."""
    require(kind is pd.IntervalIndex, "an index")
    require(all(isinstance(parts[side], pd.Index) for side in ("left", "right")), "an index")
    return pd.IntervalIndex.from_arrays(**parts)


def intervals(arguments: Any, state: Any) -> Any:
    """Return an array of intervals."""
    require(arguments[0] is pd.arrays.IntervalArray, "an array of intervals")
    parts = state[0]
    ends = [_values(parts[side], 1) for side in ("_left", "_right")]
    return pd.arrays.IntervalArray.from_arrays(*ends, closed=parts["_dtype"].closed, dtype=parts["_dtype"])


def wrapped(arguments: Any, state: Any) -> Any:
    """Return what wraps an array: categories, texts, datetimes, timedeltas, periods."""
    kind = arguments[0]
    dtype, values = state[:2]
    require(is_array(values), "a column")
    if kind is pd.Categorical:
        require(type(dtype) is pd.CategoricalDtype and is_array(values, "i", 1), "categories")
        return pd.Categorical.from_codes(values, dtype=dtype, validate=True)
    if kind is pd.arrays.StringArray:
        require(type(dtype) is pd.StringDtype and dtype.storage == "python", "texts")
        return pd.arrays.StringArray(values, dtype=dtype)
    letter = {pd.arrays.DatetimeArray: "M", pd.arrays.TimedeltaArray: "m", pd.arrays.PeriodArray: "i"}[kind]
    require(is_array(values, letter) and values.dtype.itemsize == 8 and values.dtype.isnative, "times")
    if kind is pd.arrays.PeriodArray:
        require(type(dtype) is pd.PeriodDtype, "times")
    else:
        zone = kind is pd.arrays.DatetimeArray and type(dtype) is pd.DatetimeTZDtype
        require(values.dtype == (f"M8[{dtype.unit}]" if zone else dtype), "times")
        require(np.datetime_data(values.dtype)[0] in ("s", "ms", "us", "ns"), "times")
        require(np.datetime_data(values.dtype)[1] == 1, "times")
    made = in_c.__pyx_unpickle_NDArrayBacked(kind, arguments[1], None)
    made.__setstate__((dtype, values, {}) if kind is pd.arrays.PeriodArray else (dtype, values))
    return made


def nullable(kind: Any) -> Callable[[Any, Any], Any]:
    """Return what makes a nullable column of its values and its mask."""

    def make(arguments: Any, state: Any) -> Any:
        values, mask = state["_data"], state["_mask"]
        require(not arguments and is_array(values) and is_array(mask, "b"), kind.__name__)
        require(values.shape == mask.shape and values.dtype.isnative, kind.__name__)
        return kind(values, mask, copy=False)

    return make


def sparse_places(length: Any, places: Any) -> Any:
    """Return where a sparse array holds something."""
    require(_increasing(length, places, 1), "a sparse array")
    return sparse.IntIndex(length, places)


def sparse_blocks(length: Any, starts: Any, lengths: Any) -> Any:
    """Return where a sparse array holds something, many in a row."""
    require(is_array(lengths, "i", 1) and (lengths > 0).all(), "a sparse array")
    require(len(starts) == len(lengths) and _increasing(length, starts, lengths), "a sparse array")
    return sparse.BlockIndex(length, starts, lengths)


def _increasing(length: Any, starts: Any, lengths: Any) -> bool:
    if type(length) is not int or not 0 <= length < 1 << 31 or not is_array(starts, "i", 1):
        return False
    ends = starts.astype(np.int64) + lengths
    return not len(starts) or bool(starts[0] >= 0 and ends[-1] <= length and (ends[:-1] <= starts[1:]).all())


def sparse_array(arguments: Any, state: Any) -> Any:
    """Return a sparse array."""
    places, values, dtype = state["_sparse_index"], state["_sparse_values"], state["_dtype"]
    require(not arguments and isinstance(places, (sparse.IntIndex, sparse.BlockIndex)), "a sparse array")
    require(is_array(values, ndim=1) and len(values) == places.npoints, "a sparse array")
    require(type(dtype) is pd.SparseDtype and dtype.subtype == values.dtype, "a sparse array")
    return pd.arrays.SparseArray._simple_new(values, places, dtype)


def arrow_column(kind: Any, chunks: Any, dtype: Any) -> Any:
    """Return a column of Arrow's memory."""
    require(isinstance(chunks, (pa.Array, pa.ChunkedArray)), "an Arrow column")
    if kind is pd.arrays.ArrowStringArray:
        require(type(dtype) is pd.StringDtype and dtype.storage == "pyarrow", "an Arrow column")
        require(pa.types.is_string(chunks.type) or pa.types.is_large_string(chunks.type), "an Arrow column")
    else:
        require(kind is pd.arrays.ArrowExtensionArray and type(dtype) is pd.ArrowDtype, "an Arrow column")
        require(dtype.pyarrow_dtype == chunks.type, "an Arrow column")
    return pickler._arrow_column(kind, chunks, dtype)


_A = pd.arrays
BUILDS: dict[Any, Callable[[Any, Any], Any]] = {
    SingleBlockManager: series_manager,
    pd.DataFrame: framed(pd.DataFrame, BlockManager),
    pd.Series: framed(pd.Series, SingleBlockManager),
    in_c.__pyx_unpickle_NDArrayBacked: wrapped,
    untyped("pandas._libs.interval").__pyx_unpickle_IntervalMixin: intervals,
    _A.SparseArray: sparse_array,
    **{kind: nullable(kind) for kind in (_A.BooleanArray, _A.FloatingArray, _A.IntegerArray)},
}
CALLS: dict[Any, Callable[..., Any]] = {
    BlockManager: frame_manager,
    internals._unpickle_block: block,
    base._new_Index: index,
    datetimes._new_DatetimeIndex: times,
    timedeltas._new_TimedeltaIndex: times,
    interval._new_IntervalIndex: intervals_index,
    sparse.IntIndex: sparse_places,
    sparse.BlockIndex: sparse_blocks,
    pickler._arrow_column: arrow_column,
}
