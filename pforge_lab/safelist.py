"""What a pickle stream may name without a signature: classes and functions that cannot be made to run code.

A name belongs here only if calling it with *any* arguments, and giving its instances any state,
neither imports, calls nor opens anything that the stream chose. Two entries are replaced by
narrower functions: ``builtins.getattr`` (time zones pickle through it) and Arrow's array
constructor (whose result is validated, because offsets beyond a buffer would read foreign memory).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.custom_types import is_registered

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAFE: dict[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "builtins": "Ellipsis NotImplemented bool bytearray bytes complex dict float frozenset int list object "
        "range set slice str tuple",
        "collections": "ChainMap Counter OrderedDict defaultdict deque",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID SafeUUID",
        "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "zoneinfo": "ZoneInfo",
        "numpy": "dtype ndarray recarray record",
        "numpy.rec": "recarray",
        "numpy.ma": "MaskedArray",
        "numpy.ma.core": "MaskedArray _mareconstruct",
        "numpy._core._internal": "_convert_to_stringdtype_kwargs",
        "numpy._core.multiarray": "_reconstruct scalar",
        "numpy._core.numeric": "_frombuffer",
        "numpy.random._pcg64": "PCG64",
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
        "pandas": "ArrowDtype BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeIndex "
        "DatetimeTZDtype Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype Interval "
        "IntervalDtype IntervalIndex MultiIndex NA Period PeriodDtype PeriodIndex RangeIndex Series SparseDtype "
        "StringDtype TimedeltaIndex UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype",
        "pandas.arrays": "ArrowExtensionArray ArrowStringArray BooleanArray DatetimeArray FloatingArray IntegerArray "
        "IntervalArray NumpyExtensionArray PeriodArray SparseArray StringArray TimedeltaArray",
        "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
        "pandas._libs.internals": "_unpickle_block",
        "pandas._libs.interval": "__pyx_unpickle_IntervalMixin",
        "pandas._libs.missing": "NAType",
        "pandas._libs.sparse": "BlockIndex IntIndex",
        "pandas._libs.tslibs.nattype": "_nat_unpickle",
        "pandas._libs.tslibs.offsets": "BusinessDay BusinessMonthBegin BusinessMonthEnd Day Hour Micro Milli Minute "
        "MonthBegin MonthEnd Nano QuarterBegin QuarterEnd Second Week YearBegin YearEnd",
        "pandas._libs.tslibs.period": "_unpickle_period",
        "pandas._libs.tslibs.timedeltas": "_timedelta_unpickle",
        "pandas._libs.tslibs.timestamps": "_unpickle_timestamp",
        "pandas.core.indexes.base": "_new_Index",
        "pandas.core.indexes.datetimes": "_new_DatetimeIndex",
        "pandas.core.indexes.interval": "_new_IntervalIndex",
        "pandas.core.indexes.period": "_new_PeriodIndex",
        "pandas.core.indexes.timedeltas": "_new_TimedeltaIndex",
        "pandas.core.internals.managers": "BlockManager SingleBlockManager",
        "polars.dataframe.frame": "DataFrame",
        "polars.series.series": "Series",
        "pyarrow.lib": "_reconstruct_record_batch _reconstruct_table _restore_array chunked_array decimal128 decimal256 "
        "dictionary duration field fixed_size_list large_list list_ map_ py_buffer scalar schema struct time32 time64 "
        "timestamp type_for_alias",
        "pforge_lab.memory": "objects view",
        "pforge_lab.pickler": "_arrow_column _as_is _datetimes _from_arrow _masked _memory_of _of_dict _of_kind",
    }.items()
}


def is_safe(module: str, name: str) -> bool:
    """Return whether a stream may name ``module.name`` without a signature; what the user registered it may.

    Examples
    --------
    >>> is_safe("pandas", "DataFrame"), is_safe("os", "system"), is_safe("builtins", "eval")
    (True, False, False)
    """
    return name in _SAFE.get(module, ()) or (module, name) in REPLACED or is_registered(module, name)


def is_sound(dtype: np.dtype[Any]) -> bool:
    """Return whether a NumPy dtype that was given a state is one that NumPy itself would make.

    The state may claim that fields hold no objects though they do, or that they are where no memory
    is: arrays of such a dtype take bytes of the stream for addresses.

    Examples
    --------
    >>> is_sound(np.dtype([("a", "f8"), ("b", "O")])), is_sound(np.dtype("M8[ns]"))
    (True, True)
    """
    try:
        again = _made_again(dtype)
    except (TypeError, ValueError):
        return False
    return (dtype.flags, dtype.itemsize) == (again.flags, again.itemsize)


def _made_again(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((_sound(base), shape))
    if dtype.names is None:
        return np.dtype(dtype.str)
    known: Mapping[str, Any] = dtype.fields or {}
    fields = [known[name] for name in dtype.names]
    return np.dtype(
        {
            "names": list(dtype.names),
            "formats": [_sound(field[0]) for field in fields],
            "offsets": [field[1] for field in fields],
            "itemsize": dtype.itemsize,
        },
        align=dtype.isalignedstruct,
    )


def _sound(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if not is_sound(dtype):
        raise ValueError(dtype)
    return dtype


def _narrow_getattr(owner: Any, name: str) -> Any:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - rare

    if owner is ZoneInfo and name == "_unpickle":
        return ZoneInfo._unpickle  # type: ignore[attr-defined] # noqa: SLF001 - what a pickled time zone names
    from pforge_lab.errors import UntrustedData  # noqa: PLC0415 - rare

    raise UntrustedData(
        f"the data asks for attribute {name!r} of {owner!r}, which is not on the safe list", name=name
    )


def _validated_array(data: Any) -> Any:
    import pyarrow.lib  # noqa: PLC0415 - only where Arrow data are met

    array = pyarrow.lib._restore_array(data)  # noqa: SLF001 - what a pickled Arrow array names
    array.validate(full=True)
    return array


REPLACED: dict[tuple[str, str], Any] = {
    ("builtins", "getattr"): _narrow_getattr,
    ("pyarrow.lib", "_restore_array"): _validated_array,
}
