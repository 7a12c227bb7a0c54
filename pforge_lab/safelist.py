"""What a pickle stream may name without a signature: classes and functions that cannot be made to run code.

A name here may stand in a stream. What is made of it, with the arguments and the state that the stream
gives, is made by the functions of `pforge_lab.makers`; what has none there may be named and not called.
"""

from __future__ import annotations

from pforge_lab.custom_types import is_registered

_SAFE: dict[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "array": "_array_reconstructor array",
        "builtins": "Ellipsis NotImplemented bool bytearray bytes complex dict float frozenset getattr int list object "
        "range set slice str tuple",
        "cloudpickle.cloudpickle": "_builtin_type",
        "collections": "ChainMap Counter OrderedDict defaultdict deque",
        "dateutil.relativedelta": "relativedelta",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID SafeUUID",
        "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "random": "Random",
        "types": "SimpleNamespace",
        "zoneinfo": "ZoneInfo",
        "numpy": "dtype matrix ndarray recarray record",
        "numpy.char": "chararray",
        "numpy.rec": "recarray",
        "numpy.ma": "MaskedArray",
        "numpy.ma.core": "MaskedArray MaskedConstant",
        "numpy._core._internal": "_convert_to_stringdtype_kwargs",
        "numpy._core.multiarray": "_reconstruct scalar",
        "numpy._core.numeric": "_frombuffer",
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pcg64": "PCG64 PCG64DXSM",
        "numpy.random._philox": "Philox",
        "numpy.random._sfc64": "SFC64",
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
        "pandas": "ArrowDtype BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DateOffset "
        "DatetimeIndex DatetimeTZDtype Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype "
        "Interval IntervalDtype IntervalIndex MultiIndex NA Period PeriodDtype PeriodIndex RangeIndex Series "
        "SparseDtype StringDtype TimedeltaIndex UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype",
        "pandas.arrays": "ArrowExtensionArray ArrowStringArray BooleanArray DatetimeArray FloatingArray IntegerArray "
        "IntervalArray NumpyExtensionArray PeriodArray SparseArray StringArray TimedeltaArray",
        "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
        "pandas._libs.internals": "_unpickle_block",
        "pandas._libs.interval": "__pyx_unpickle_IntervalMixin",
        "pandas._libs.missing": "NAType",
        "pandas._libs.sparse": "BlockIndex IntIndex",
        "pandas._libs.tslibs.nattype": "_nat_unpickle",
        "pandas._libs.tslibs.offsets": "BHalfYearBegin BHalfYearEnd BQuarterBegin BQuarterEnd BYearBegin BYearEnd "
        "BusinessDay BusinessHour BusinessMonthBegin BusinessMonthEnd CustomBusinessDay CustomBusinessHour "
        "CustomBusinessMonthBegin CustomBusinessMonthEnd Day Easter FY5253 FY5253Quarter HalfYearBegin HalfYearEnd "
        "Hour LastWeekOfMonth Micro Milli Minute MonthBegin MonthEnd Nano QuarterBegin QuarterEnd Second "
        "SemiMonthBegin SemiMonthEnd Week WeekOfMonth YearBegin YearEnd",
        "pandas._libs.tslibs.timedeltas": "_timedelta_unpickle",
        "pandas._libs.tslibs.timestamps": "_unpickle_timestamp",
        "pandas.core.indexes.base": "_new_Index",
        "pandas.core.indexes.datetimes": "_new_DatetimeIndex",
        "pandas.core.indexes.interval": "_new_IntervalIndex",
        "pandas.core.indexes.timedeltas": "_new_TimedeltaIndex",
        "pandas.core.internals.managers": "BlockManager SingleBlockManager",
        "polars.dataframe.frame": "DataFrame",
        "polars.datatypes.classes": "Array Binary Boolean Categorical Date Datetime Decimal Duration Enum Field Float32 "
        "Float64 Int128 Int16 Int32 Int64 Int8 List Null Object String Struct Time UInt16 UInt32 UInt64 UInt8 Unknown",
        "polars.schema": "Schema",
        "polars.series.series": "Series",
        "pyarrow.lib": "_reconstruct_record_batch _reconstruct_table _restore_array binary chunked_array decimal128 "
        "decimal256 dictionary duration field large_list large_list_view list_ list_view map_ py_buffer "
        "run_end_encoded scalar schema struct time32 time64 timestamp type_for_alias union",
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
    return name in _SAFE.get(module, ()) or is_registered(module, name)
