"""pandas' scalars, dtypes and steps in time from data that nobody vouches for."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.makers.checks import require, untyped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pd, NAType = untyped("pandas"), untyped("pandas._libs.missing").NAType
nattype, offsets, timedeltas, timestamps = (
    untyped(f"pandas._libs.tslibs.{name}") for name in ("nattype", "offsets", "timedeltas", "timestamps")
)
relativedelta = untyped("dateutil.relativedelta").relativedelta

_RESOLUTIONS = (7, 8, 9, 10)  # seconds to nanoseconds, as pandas counts them
_OFFSET_PARTS = (int, bool, str, type(None), dt.timedelta, dt.time, np.datetime64, np.bool, np.int64)
_RELATIVE = frozenset(
    [
        "years",
        "months",
        "weeks",
        "days",
        "hours",
        "minutes",
        "seconds",
        "microseconds",
        "nanoseconds",
        "milliseconds",
        "year",
        "month",
        "day",
        "weekday",
        "hour",
        "minute",
        "second",
        "microsecond",
        "nanosecond",
    ]
)
_OFFSETS = "BHalfYearBegin BHalfYearEnd BQuarterBegin BQuarterEnd BYearBegin BYearEnd BusinessDay BusinessHour BusinessMonthBegin BusinessMonthEnd CustomBusinessDay CustomBusinessHour CustomBusinessMonthBegin CustomBusinessMonthEnd Day Easter FY5253 FY5253Quarter HalfYearBegin HalfYearEnd Hour LastWeekOfMonth Micro Milli Minute MonthBegin MonthEnd Nano QuarterBegin QuarterEnd Second SemiMonthBegin SemiMonthEnd Week WeekOfMonth YearBegin YearEnd"
_NULLABLE = "BooleanDtype Float32Dtype Float64Dtype Int16Dtype Int32Dtype Int64Dtype Int8Dtype UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype"


def dtype_of(kind: Any, *names: str) -> Callable[[Any, Any], Any]:
    """Return what makes a dtype of parts of its state."""

    def make(arguments: Any, state: Any) -> Any:
        require(not arguments, "a dtype")
        return kind(*(state[name] for name in names))

    return make


def offset(kind: Any) -> Callable[..., Any]:
    """Return what makes a step in time of plain parts."""

    def make(*arguments: Any) -> Any:
        for each in arguments:
            parts = each if type(each) in (tuple, list) else [each]
            require(all(type(part) in _OFFSET_PARTS for part in parts), "a step in time")
        return kind(*arguments)

    return make


def relative(kind: Any) -> Callable[[Any, Any], Any]:
    """Return what makes a ``relativedelta`` of numbers."""

    def make(arguments: Any, state: Any) -> Any:
        names = _RELATIVE | {"leapdays"}
        parts = {name: value for name, value in state.items() if name in names and value is not None}
        require(
            not arguments and all(type(value) in (int, float) for value in parts.values()), "a step in time"
        )
        return kind(**parts)

    return make


def date_offset(arguments: Any, state: Mapping[str, Any]) -> Any:
    """Return a ``DateOffset`` of numbers."""
    parts = {name: value for name, value in state.items() if name in _RELATIVE and value is not None}
    require(not arguments and all(type(value) in (int, float) for value in parts.values()), "a step in time")
    require(type(state["n"]) is int and type(state["normalize"]) is bool, "a step in time")
    return pd.DateOffset(n=state["n"], normalize=state["normalize"], **parts)


def period(*arguments: Any) -> Any:
    """Return a period."""
    value, freq, ordinal = arguments
    require(value is None and isinstance(freq, offsets.BaseOffset) and type(ordinal) is int, "a period")
    return pd.Period(value=None, freq=freq, ordinal=ordinal)


def timestamp(value: Any, freq: Any, zone: Any, resolution: Any) -> Any:
    """Return a timestamp."""
    require(type(value) is int and freq is None and resolution in _RESOLUTIONS, "a timestamp")
    require(zone is None or isinstance(zone, dt.tzinfo), "a timestamp")
    return timestamps._unpickle_timestamp(value, freq, zone, resolution)


def timedelta(value: Any, resolution: Any) -> Any:
    """Return a timedelta."""
    require(type(value) is int and resolution in _RESOLUTIONS, "a timedelta")
    return timedeltas._timedelta_unpickle(value, resolution)


def interval(left: Any, right: Any, closed: Any = "right") -> Any:
    """Return an interval."""
    kinds = (int, float, np.number, pd.Timestamp, pd.Timedelta)
    require(isinstance(left, kinds) and isinstance(right, kinds), "an interval")
    return pd.Interval(left, right, closed)


def no_time(_: Any) -> Any:
    """Return ``pandas.NaT``."""
    return pd.NaT


def text_dtype(storage: Any, na_value: Any) -> Any:
    """Return pandas' dtype of texts."""
    require(na_value is pd.NA or type(na_value) is float, "a dtype")
    return pd.StringDtype(storage, na_value)


def period_dtype(name: Any) -> Any:
    """Return pandas' dtype of periods."""
    require(type(name) is str, "a dtype")
    return pd.PeriodDtype(name)


_PLAIN_DTYPES = [getattr(pd, name) for name in _NULLABLE.split()]
WITHOUT_STATE = tuple(_PLAIN_DTYPES)  # what they were asked for, and remember, is nothing of theirs
BUILDS: dict[Any, Callable[[Any, Any], Any]] = {
    pd.ArrowDtype: dtype_of(pd.ArrowDtype, "pyarrow_dtype"),
    pd.CategoricalDtype: dtype_of(pd.CategoricalDtype, "categories", "ordered"),
    pd.DatetimeTZDtype: dtype_of(pd.DatetimeTZDtype, "unit", "tz"),
    pd.IntervalDtype: dtype_of(pd.IntervalDtype, "subtype", "closed"),
    pd.SparseDtype: dtype_of(pd.SparseDtype, "_dtype", "_fill_value"),
    pd.DateOffset: date_offset,
    relativedelta: relative(relativedelta),
}
CALLS: dict[Any, Callable[..., Any]] = {
    **{kind: kind for kind in _PLAIN_DTYPES},
    **{kind: offset(kind) for kind in (getattr(offsets, name) for name in _OFFSETS.split())},
    NAType: NAType,
    nattype._nat_unpickle: no_time,
    pd.Interval: interval,
    pd.Period: period,
    pd.PeriodDtype: period_dtype,
    pd.StringDtype: text_dtype,
    timedeltas._timedelta_unpickle: timedelta,
    timestamps._unpickle_timestamp: timestamp,
}
