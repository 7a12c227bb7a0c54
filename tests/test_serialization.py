"""Objects to bytes and back: equal, of the same types, and nothing executed that was not trusted."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import pathlib
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pforge_lab.errors import UntrustedData
from pforge_lab.serialization import pack, unpack

N = 3000


TEXTS = [None if i % 11 == 0 else f"text {i % 17}" for i in range(N)]


DAYS = pd.date_range("2026-01-01", periods=N, freq="h")


ARRAYS = {
    "float": np.linspace(0, 1, N),
    "big endian": np.arange(N, dtype=">i4"),
    "bool": np.arange(N) % 3 == 0,
    "complex": np.arange(N) * 1j,
    "fortran": np.asfortranarray(np.arange(N).reshape(60, 50)),
    "transposed": np.arange(N).reshape(60, 50).T,
    "strided": np.arange(N)[::3],
    "reversed": np.arange(N)[::-1],
    "broadcast": np.broadcast_to(np.arange(10.0), (300, 10)),
    "zero-dimensional": np.array(3.5),
    "empty": np.empty((0, 4)),
    "datetime": np.arange(N).astype("M8[ns]"),
    "timedelta": np.arange(N).astype("m8[us]"),
    "strided datetime": np.arange(N).astype("M8[D]")[::2],
    "text": np.array([f"text {i}" for i in range(N)]),
    "bytes": np.array([b"x", b"yy"] * 1000),
    "object": np.array([1, "a", None, [2], {"k": 3}] * 100, dtype=object),
    "structured": np.array(
        [(i, f"n{i}", i / 2) for i in range(N)], dtype=[("i", "i4"), ("s", "U6"), ("f", "f8")]
    ),
    "nested structured": np.zeros(10, dtype=[("p", [("x", "f4"), ("y", "f4", (2, 2))]), ("o", "O")]),
    "aligned": np.zeros(10, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "string dtype": np.array(TEXTS[1:9], dtype=np.dtypes.StringDType()),
    "masked": np.ma.array(np.arange(N), mask=np.arange(N) % 5 == 0, fill_value=-1),
    "record array": np.rec.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)]),
}


SERIES = {
    "int": pd.Series(range(N)),
    "nullable": pd.Series([None if i % 7 == 0 else i for i in range(N)], dtype="Int64"),
    "boolean": pd.Series([True, None, False] * 1000, dtype="boolean"),
    "str": pd.Series(TEXTS, dtype="str"),
    "object": pd.Series([1, "a", None, [2]] * 10, dtype=object),
    "datetime": pd.Series(DAYS),
    "time zone": pd.Series(DAYS.tz_localize("Europe/Berlin", ambiguous="NaT", nonexistent="NaT")),
    "utc": pd.Series(DAYS.tz_localize("UTC")),
    "timedelta": pd.Series(DAYS - DAYS[0]),
    "period": pd.Series(pd.period_range("2020-01", periods=50, freq="M")),
    "interval": pd.Series(pd.interval_range(0, 50)),
    "category": pd.Series(TEXTS, dtype="category"),
    "ordered": pd.Series(pd.Categorical(["a", "b"] * 9, categories=["b", "a"], ordered=True)),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1] * 100)),
    "arrow": pd.Series([1, None, 3] * 1000, dtype="int64[pyarrow]"),
    "arrow text": pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())),
    "arrow list": pd.Series([[1, 2], None, []], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
}


INDEXES = {
    "range": pd.RangeIndex(3, 30, 3),
    "text": pd.Index(["b", "a"], name="n"),
    "datetime": pd.date_range("2026-01-01", periods=5, freq="D", tz="Asia/Tokyo"),
    "multi": pd.MultiIndex.from_product([["a", "b"], pd.date_range("2026", periods=3)], names=["x", "y"]),
    "category": pd.CategoricalIndex(["a", "b", "a"]),
    "period": pd.period_range("2026Q1", periods=4, freq="Q"),
    "timedelta": pd.timedelta_range("1h", periods=4),
    "interval": pd.interval_range(0, 3),
}


PLAIN = {
    "numbers": [0, -1, 2**70, 1.5, float("inf"), 2j, True, None, ...],
    "texts": ["", "ü€😀", "\ud800", b"\x00", bytearray(b"xy")],
    "containers": {"t": (1, (2,)), "s": {1, 2}, "f": frozenset("ab"), "r": range(3), "sl": slice(1, None, 2)},
    "collections": [
        collections.OrderedDict(a=1),
        collections.Counter("aab"),
        collections.deque([1, 2], maxlen=5),
        collections.defaultdict(list, a=[1]),
    ],
    "times": [
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.date(2026, 1, 1),
        dt.timedelta(1),
        dt.time(12, 30),
    ],
    "values": [decimal.Decimal("1.10"), fractions.Fraction(1, 3), uuid.UUID(int=5), pathlib.PurePosixPath("/a/b")],
    "scalars": [np.float32(1.5), np.int8(3), np.datetime64("2026-01-01"), pd.Timestamp("2026", tz="UTC"), pd.NaT, pd.NA],
}  # fmt: skip


FRAMES = {
    "mixed": pd.DataFrame({name: series for name, series in SERIES.items() if len(series) == N}),
    "blocks": pd.DataFrame({"a": range(N), "b": 1.5}).assign(c=2.5, d="x", e=3),
    "columns of two levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "duplicate columns": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "without rows": pd.DataFrame({"a": pd.Series([], dtype="datetime64[ns, UTC]")}),
    "sliced": pd.DataFrame({"a": range(N), "b": TEXTS})[100:2000:7],
    "indexed by time": pd.DataFrame({"v": range(N)}, index=DAYS),
}


ALL = {
    f"{kind} {name}": value
    for kind, values in (
        ("array", ARRAYS), ("series", SERIES), ("index", INDEXES), ("plain", PLAIN), ("frame", FRAMES),
    )
    for name, value in values.items()
}  # fmt: skip


def round_trip(value, *, trusted):
    packed = pack(value)
    return unpack(packed.stream, [bytearray(buffer) for buffer in packed.buffers], trusted=trusted)


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_freq=True)
    elif isinstance(a, pd.Series):
        pd.testing.assert_series_equal(a, b)
    elif isinstance(a, pd.Index):
        pd.testing.assert_index_equal(a, b)
        assert getattr(a, "freq", None) == getattr(b, "freq", None)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        if isinstance(a, np.ma.MaskedArray):
            np.testing.assert_array_equal(a.mask, b.mask)
            assert a.fill_value == b.fill_value
    elif isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert type(one) is type(other)
            assert one is other or one == other or (one != one and other != other)  # noqa: PLR0124 - NaT
    else:
        assert a == b


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "safe"])
@pytest.mark.parametrize("name", sorted(ALL))
def test_comes_back_equal_and_of_the_same_types(name, trusted):
    assert_same(ALL[name], round_trip(ALL[name], trusted=trusted))


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "safe"])
def test_polars_and_arrow_come_back(trusted):
    frame = pl.DataFrame({
        "i": range(N), "s": TEXTS, "t": DAYS.to_list(), "l": [[i] for i in range(N)],
        "c": pl.Series(TEXTS, dtype=pl.Categorical),
    })  # fmt: skip
    table = pa.table({"i": range(N), "s": TEXTS, "d": pa.array([{"x": 1}] * N)})
    assert round_trip(frame, trusted=trusted).equals(frame)
    assert round_trip(frame["s"], trusted=trusted).equals(frame["s"])
    assert round_trip(table, trusted=trusted).equals(table)
    assert round_trip(table[1:50].combine_chunks(), trusted=trusted).equals(table[1:50])
    assert round_trip(table["s"], trusted=trusted).equals(table["s"])
    assert round_trip(table.schema, trusted=trusted) == table.schema


def test_generators_of_random_numbers_go_on_where_they_were():
    rng = np.random.default_rng(3)
    rng.random(5)
    assert round_trip(rng, trusted=False).random() == rng.random()


@pytest.mark.parametrize("name", ["float", "datetime", "strided", "masked"])
def test_large_arrays_stay_out_of_the_stream(name):
    array = ARRAYS[name]
    packed = pack(array)
    assert len(packed.stream) < 4000  # the mask of 3 kB stays in
    assert packed.nbytes >= array.nbytes


def test_buffers_are_views_not_copies():
    array = np.arange(100_000)
    (buffer,) = pack(array).buffers
    assert np.shares_memory(np.frombuffer(buffer, dtype=np.int64), array)


def test_in_band_streams_stand_alone():
    packed = pack(np.arange(100_000), in_band=True)
    assert packed.buffers == ()
    assert unpack(packed.stream, trusted=False)[-1] == 99_999


def test_read_only_arrays_stay_read_only():
    array = np.arange(N)
    array.flags.writeable = False
    assert not round_trip(array, trusted=False).flags.writeable


def test_sharing_is_told_and_survives_inside_one_value():
    shared = [1]
    back = round_trip({"a": shared, "b": [shared]}, trusted=False)
    assert back["a"] is back["b"][0]
    assert set(pack(shared).shared) & set(pack({"x": shared}).shared)
    assert not set(pack([1]).shared) & set(pack([1]).shared)


def test_strings_numbers_and_dtypes_are_nothing_to_share():
    text, number = "text" * 10, 10**20
    assert not set(pack([text, number, np.dtype("f8")]).shared) & set(
        pack([text, number, np.dtype("f8")]).shared
    )


@pytest.mark.parametrize("hard", [True, False])
def test_a_hard_mask_stays_hard(hard):
    array = np.ma.array([1, 2], mask=[True, False], hard_mask=hard)
    assert round_trip(array, trusted=False).hardmask is hard


def test_polars_types_that_arrow_lacks_come_back():
    """Numbers of 128 bits go the way that polars pickles them itself; nothing checks that of somebody else."""
    frame = pl.DataFrame({"a": pl.Series([1 << 100, None], dtype=pl.Int128)})
    assert round_trip(frame, trusted=True).equals(frame)
    assert round_trip(frame["a"], trusted=True).equals(frame["a"])
    with pytest.raises(UntrustedData):
        round_trip(frame, trusted=False)


CACHING = {
    "nullable": (lambda: pd.array([1, 2], dtype="Int64"), repr),
    "days": (lambda: pd.array(pd.date_range("2026", periods=3)), repr),
    "index of days": (lambda: pd.date_range("2026", periods=3), lambda days: (days.year, days.is_unique)),
    "series of days": (lambda: pd.Series(pd.date_range("2026", periods=3)), lambda days: days.dt.year),
    "grouped": (
        lambda: pd.DataFrame({"a": [1, 1, 2], "b": 1}).groupby("a"),
        lambda groups: (groups.sum(), groups.b.mean()),
    ),
    "windows": (lambda: pd.Series([1, 2, 3]).rolling(2), lambda windows: windows.sum()),
    "resampled": (
        lambda: pd.Series([1], index=pd.date_range("2026", periods=1)).resample("D"),
        lambda days: days.sum(),
    ),
}


@pytest.mark.parametrize("name", CACHING)
def test_what_pandas_computes_when_it_is_looked_at_is_left_out(name):
    """The stream is the same before and after, and what comes back can be looked at as well."""
    make, look = CACHING[name]
    value = make()
    before = pack(value).stream
    look(value)
    packed = pack(value)
    assert packed.stream == before
    look(unpack(packed.stream, packed.buffers, trusted=True))


def test_classes_of_the_notebook_pickle_the_same_the_first_time():
    """What copyreg notes in a class at its first instance is left out."""
    code = """
class Node:
    def __init__(self): self.parts = [Part() for _ in range(2)]
class Part:
    pass
"""
    namespace = {"__name__": "__main__"}
    exec(code, namespace)
    node = namespace["Node"]()
    assert pack(node).stream == pack(node).stream
