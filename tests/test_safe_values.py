"""Plain data of a colleague come back without any trust."""

from __future__ import annotations

import array
import datetime as dt
import random
import re
import types

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from pforge_lab.serialization import pack, unpack
from tests.hostile import new, stream

OFFSETS = [
    getattr(pd.offsets, name)()
    for name in dir(pd.offsets)
    if name[0].isupper() and name not in ("BaseOffset", "DateOffset", "Tick")
]

EQUAL = {
    "fixed size binary": pa.array([b"ab", None], pa.binary(2)),
    "sparse union": pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]),
    "dense union": pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["b"])]
    ),
    "run end encoded": pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]),
    "list view": pa.array([[1], [2, 3]], pa.list_view(pa.int8())),
    "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
    "month offset": pd.DateOffset(months=1),
    "time offset": pd.DateOffset(2, normalize=True, hours=3, minute=5),
    "day offset": pd.DateOffset(days=1),
    "holidays": pd.offsets.CustomBusinessDay(2, holidays=["2026-01-01"], weekmask="Mon Tue Wed"),
    "business hours": pd.offsets.CustomBusinessHour(start=["08:00", "13:00"], end=["12:00", "17:00"]),
    "fiscal quarter": pd.offsets.FY5253Quarter(startingMonth=3, weekday=4, qtr_with_extra_week=2, variation="last"),
    "index with an offset": pd.date_range("2026", periods=3, freq=pd.offsets.CustomBusinessDay(holidays=["2026-01-01"])),
    "array": array.array("d", [1.5, 2.5]),
    "texts of an array": array.array("u", "abc"),
    "namespace": types.SimpleNamespace(a=1, b=[2]),
    "polars class": pl.Int64,
    "polars dtype": pl.Datetime("us", "UTC"),
    "polars list": pl.List(pl.Array(pl.Int8, 2)),
    "polars struct": pl.Struct({"a": pl.Decimal(5, 1), "b": pl.Duration("ms")}),
    "polars enum": pl.Enum(["a", "b"]),
    "polars schema": pl.Schema({"a": pl.Int8, "b": pl.List(pl.String)}),
    "nullable dtype in use": pd.Series([1, None], dtype="Int8").dtype,
    "keys of pairs": {(1, (2, frozenset([3]))): 4},
    "a time zone": dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "X")),
    **{f"offset {each!r}": each for each in OFFSETS},
}  # fmt: skip


def back(value):
    packed = pack(value)
    return unpack(packed.stream, [bytearray(buffer) for buffer in packed.buffers], trusted=False)


UNNAMED = [  # polars writes these, which Arrow would give a name
    pl.Series([True, None]).slice(1, 1),
    pl.Series([1.5], dtype=pl.Decimal(5, 1)),
    pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2)),
    pl.Series([{"a": 1, "b": ["x"]}]),
    pl.Series(["a", "b"], dtype=pl.Categorical),
    pl.Series(["a"], dtype=pl.Enum(["b", "a"])),
    pl.Series([5], dtype=pl.Datetime("ms", "Europe/Berlin")),
    pl.Series([["a" * 20, None], None, []]),
    pl.Series(["long enough to stand elsewhere", None]),
    pl.Series([None]),
]


@pytest.mark.parametrize("series", UNNAMED, ids=lambda series: str(series.dtype))
def test_series_and_frames_without_names_come_back_without_trust(series):
    made, framed = back([series, series.to_frame()])
    assert_series_equal(made, series)
    assert_frame_equal(framed, series.to_frame())


def test_what_stands_where_a_text_is_missing_is_not_read():
    """Polars would take it for the place of a text."""
    series = pl.Series([["abc" * 9, None]])
    state = series.__getstate__()
    place = state.index(b"\x1b\x00\x00\x00abca") + 16
    forged = state[:place] + b"\x04\x00\x00\x00\x00\x00\x00\x00\xff" + state[place + 9 :]
    assert unpack(stream(new(pl.Series, forged)), trusted=False).to_list() == series.to_list()


@pytest.mark.parametrize("name", EQUAL)
def test_plain_values_come_back_without_trust(name):
    made = back(EQUAL[name])
    assert type(made) is type(EQUAL[name])
    equal = made.equals(EQUAL[name]) if hasattr(made, "equals") else made == EQUAL[name]
    assert equal is True


@pytest.mark.parametrize(
    "value",
    [
        np.array([[1, 2], [3, 4]]).view(np.matrix),
        np.array([["a", None]], dtype=object).view(np.matrix),
        np.char.array(["a", "bc"]),
        np.rec.array([(1, "a")], names="x,y"),
        np.array([(1, ["x"])], dtype=[("a", "i8"), ("b", "O")]),
        np.zeros(2, dtype=[(("a title", "a"), "f4"), ("b", "S3", (2,))]),
    ],
    ids=lambda value: f"{type(value).__name__} {value.dtype.kind}",
)  # fmt: skip
def test_arrays_of_other_kinds_come_back_without_trust(value):
    made = back(value)
    assert type(made) is type(value)
    assert made.dtype == value.dtype
    assert made.dtype.fields == value.dtype.fields
    assert repr(made) == repr(value)


def test_the_masked_constant_is_the_one():
    assert back([np.ma.masked])[0] is np.ma.masked


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_any_generator_goes_on_where_it_was(kind):
    generator = np.random.Generator(getattr(np.random, kind)(3))
    generator.integers(9, size=5, dtype=np.uint32)
    made = back(generator)
    children = [
        each.bit_generator.seed_seq.spawn(1)[0].generate_state(3).tolist() for each in (made, generator)
    ]
    assert children[0] == children[1]
    assert made.random(700).tolist() == generator.random(700).tolist()


def test_generators_of_the_older_kinds_go_on_where_they_were():
    for generator in (np.random.RandomState(3), random.Random(3)):
        generator.gauss(0, 1) if isinstance(generator, random.Random) else generator.normal()
        made = back(generator)
        draws = [
            each.gauss(0, 1) if isinstance(each, random.Random) else each.normal()
            for each in (made, generator)
        ]
        assert draws[0] == draws[1]


def test_references_within_a_value_survive():
    inner = types.SimpleNamespace(a=[1])
    value = {"x": inner, "y": [inner, np.arange(3)]}
    value["y"].append(value)
    made = back(value)
    assert made["x"] is made["y"][0]
    assert made["y"][2] is made


def test_what_the_user_trusts_may_make_anything():
    value = {"pattern": re.compile("a+"), "function": lambda x: x + 1}
    stream = pack(value).stream
    made = unpack(stream, trusted=False, trust=["re._compile", "cloudpickle.cloudpickle.*", "types.CodeType"])
    assert made["pattern"] == value["pattern"]
    assert made["function"](1) == 2
