"""Streams that would make pointers of their bytes, or reach beyond their memory: refused before anything is made."""

from __future__ import annotations

import collections
import json
import pickle
import random
import subprocess
import sys
import textwrap
import types

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas._libs import arrays, internals, sparse
from pandas._libs.tslibs import timedeltas, timestamps
from pandas.core.indexes.base import _new_Index
from pandas.core.indexes.datetimes import _new_DatetimeIndex
from pandas.core.internals.managers import BlockManager, SingleBlockManager

from pforge_lab import memory, pickler
from pforge_lab.serialization import unpack
from tests.hostile import KEEP, TAKE, Call, Stream, new, part, stream

core = np._core
bits, generators = np.random._pickle.__bit_generator_ctor, np.random._pickle.__generator_ctor
wrap = arrays.__pyx_unpickle_NDArrayBacked
WRAPPED = pd.Categorical(["a"]).__reduce__()[1][1]  # pandas' number for the class as it is
TEXT = np.dtypes.StringDType()
FORGED = bytearray(b"A" * 16)


def array(shape, dtype, data, kind=np.ndarray):
    """Return what pickles as an array of any state."""
    return Call(core.multiarray._reconstruct, kind, (0,), b"b", state=(1, shape, dtype, False, data))


def frame(values, places, columns=1, rows=2):
    """Return what pickles as a frame whose block lies anywhere."""
    block = Call(internals._unpickle_block, values, places, 2)
    axes = [pd.Index([f"c{n}" for n in range(columns)], dtype=object), pd.RangeIndex(rows)]
    state = {
        "_mgr": Call(BlockManager, (block,), axes),
        "_typ": "dataframe",
        "attrs": {},
        "_metadata": [],
        "_flags": {"allows_duplicate_labels": True},
    }
    return new(pd.DataFrame, state)


def series(values, rows=1):
    """Return what pickles as a series of any values."""
    held = {"axes": [pd.RangeIndex(rows)], "blocks": [{"values": values, "mgr_locs": slice(0, rows, 1)}]}
    return new(SingleBlockManager, ([], [], [], {"0.14.1": held}))


def categories(codes):
    """Return what pickles as categories of any codes."""
    return Call(
        wrap,
        pd.Categorical,
        WRAPPED,
        None,
        state=(pd.CategoricalDtype(pd.Index(["a", "b"], dtype=object)), codes),
    )


def index(levels, codes):
    """Return what pickles as an index of several levels, of any codes."""
    parts = {
        "levels": levels,
        "codes": codes,
        "names": ["x"] * len(levels),
        "sortorder": None,
        "verify_integrity": False,
    }
    return Call(_new_Index, pd.MultiIndex, parts)


def arrow(kind, length, buffers, offset=0):
    """Return what pickles as an Arrow array of any parts."""
    return Call(pa.lib._restore_array, (kind, length, 0, offset, buffers, [], None))


def interface(kind, state=True):
    """Return what pickles as an object that tells NumPy of an array anywhere, and the array that is made of it."""
    told = {"__array_interface__": {"data": (4096, False), "shape": (9,), "typestr": "|O", "version": 3}}
    return Call(np.ma.MaskedArray, Call(kind, state=told))


def after(made, change, then):
    """Return what pickles as an object that is changed once another one holds it."""
    return Stream(part(made) + KEEP + part(then(Stream(TAKE))) + b"0" + TAKE + change + b"0" + TAKE)


TEXTS = pl.Series("name", ["abc" * 9]).__getstate__()
LEVEL = pd.Index(["a"], dtype=object)
MATRIX, OBJECTS = np.zeros((1, 2)), np.array([1, 2], dtype=object)

HOSTILE = {
    # addresses of bytes
    "ndarray of objects": Call(np.ndarray, (1,), np.dtype("O"), FORGED),
    "ndarray of a struct of objects": Call(np.ndarray, (1,), np.dtype([("a", "O")]), FORGED),
    "ndarray of texts": Call(np.ndarray, (1,), TEXT, FORGED),
    "recarray of objects": Call(np.recarray, (1,), np.dtype([("a", "O")]), FORGED),
    "masked array of objects": Call(np.ma.MaskedArray, Call(np.ndarray, (1,), np.dtype("O"), FORGED)),
    "masked array by its parts": Call(pickler._masked, Call(np.ndarray, (1,), np.dtype("O"), FORGED), False, 0),
    "view of objects": Call(memory.view, np.full(1, 65), 0, (1,), (8,), np.dtype("O"), True),
    "view of texts": Call(memory.view, np.full(2, 65), 0, (1,), (16,), TEXT, True),
    "view of an array of objects": Call(memory.view, OBJECTS, 0, (2,), (8,), np.dtype("i8"), True),
    "view beyond": Call(memory.view, np.arange(4), 0, (9,), (8,), np.dtype("i8"), True),
    "view before": Call(memory.view, np.arange(4), 0, (4,), (-8,), np.dtype("i8"), True),
    "view with steps that overflow": Call(memory.view, np.arange(4), 0, (5,), (1 << 62,), np.dtype("i8"), True),
    "objects of numbers": Call(memory.objects, np.arange(2), 0, (2,), (8,), np.dtype("O"), True),
    "objects of a struct": Call(memory.objects, OBJECTS, 0, (1,), (16,), np.dtype([("a", "O"), ("b", "i8")]), True),
    "objects beyond": Call(memory.objects, OBJECTS, 8, (2,), (8,), np.dtype("O"), True),
    "objects between objects": Call(memory.objects, OBJECTS, 4, (1,), (8,), np.dtype("O"), True),
    "a memoryview of objects": Call(pickler._memory_of, OBJECTS, "q", (2,), False),
    "a view of no dict": Call(pickler._of_dict, "dict_keys", [1]),
    "an array of no kind": Call(pickler._of_kind, bytearray, np.arange(2)),
    "frombuffer of objects": Call(core.numeric._frombuffer, FORGED, np.dtype("O"), (2,), "C"),
    "frombuffer of texts": Call(core.numeric._frombuffer, FORGED, TEXT, (1,), "C"),
    "frombuffer of an array of objects": Call(core.numeric._frombuffer, OBJECTS, np.dtype("i8"), (2,), "C"),
    "bytes of an array of objects": Call(bytes, OBJECTS),
    "an Arrow buffer of an array of objects": Call(pa.py_buffer, OBJECTS),
    "bytes as objects": array((1,), np.dtype("O"), b"A" * 8),
    "bytes as a struct of objects": array((1,), np.dtype([("a", "O")]), b"A" * 8),
    "bytes as texts": array((1,), TEXT, b"A" * 16),
    "matrix of bytes as objects": array((1, 1), np.dtype("O"), b"A" * 8, np.matrix),
    "fewer objects than the shape says": array((100_000,), np.dtype("O"), [1]),
    "fewer texts than the shape says": array((100_000,), TEXT, ["a"]),
    "fewer bytes than the shape says": array((100_000,), np.dtype("f8"), b"A" * 8),
    "a shape that overflows": array((1 << 62, 1 << 62), np.dtype("f8"), b""),
    "texts of another dtype": array((1,), np.dtype("O"), [1], np.char.chararray),
    "no state": Call(core.multiarray._reconstruct, np.ndarray, (1000,), b"O"),
    "scalar of objects": Call(core.multiarray.scalar, np.dtype([("a", "O")]), b"A" * 8),
    "scalar of texts": Call(core.multiarray.scalar, TEXT, b"A" * 16),
    "short scalar": Call(core.multiarray.scalar, np.dtype("V4096"), b"A"),
    "times of objects": Call(pickler._datetimes, np.arange(2), "O"),
    "times of texts": Call(pickler._datetimes, np.arange(2), TEXT),
    "an interface to anywhere": interface(collections.OrderedDict),
    "an interface of a namespace": interface(types.SimpleNamespace),
    # what is changed after it was checked
    "an array under its view": after(
        array((1000,), np.dtype("u1"), b"A" * 1000),
        part((1, (0,), np.dtype("u1"), False, b"")) + b"b",
        lambda made: Call(memory.view, made, 0, (1000,), (1,), np.dtype("u1"), True),
    ),
    "codes under their categories": after(np.zeros(1, "i1"), part(0) + part(99) + b"s", categories),
    "an array within itself": Stream(
        part(core.multiarray._reconstruct) + part((np.ndarray, (0,), b"b")) + b"R" + pickle.MEMOIZE
        + part((1, (1,), np.dtype("i1"), False, categories(Stream(b"h\x00")))) + b"b"
    ),
    "a dtype under its array": after(
        Call(np.dtype, "V8", False, True, state=(3, "|", None, None, None, 8, 1, 0)),
        part(np.dtype([("a", "O")]).__reduce__()[2]) + b"b",
        lambda made: array((1,), made, b"A" * 8),
    ),
    "an attribute of an array": Stream(part(np.arange(1)) + part((None, {"dtype": np.dtype("O")})) + b"b"),
    "a class of an object": Stream(
        part(collections.OrderedDict()) + part((None, {"__class__": collections.Counter})) + b"b"
    ),
    "an element of a frame": Stream(part(frame(MATRIX, slice(0, 1, 1))) + part("_mgr") + part(1) + b"s"),
    # pandas
    "a block far away": frame(MATRIX, slice(10**8, 10**8 + 1, 1)),
    "a block far away, by number": frame(MATRIX, np.array([10**8])),
    "a block before the first column": frame(MATRIX, np.array([-5])),
    "a block that is missing": frame(MATRIX, slice(0, 1, 1), columns=2),
    "a column in two blocks": frame(np.zeros((2, 2)), np.array([0, 0]), columns=2),
    "a block with too few rows": frame(MATRIX, slice(0, 1, 1), rows=10**6),
    "a block of other dimensions": frame(np.zeros(2), slice(0, 1, 1)),
    "a block of a masked array": frame(Call(pickler._masked, MATRIX, False, 0), slice(0, 1, 1)),
    "an unchecked frame": Call(BlockManager, (), [LEVEL, LEVEL], False),
    "a series with too few rows": series(np.zeros(1), rows=10**6),
    "a series of no array": series([1]),
    "a frame of no blocks": new(pd.DataFrame, {"_mgr": {}, "_typ": "dataframe", "attrs": {}, "_flags": {"allows_duplicate_labels": True}}),
    "categories beyond": categories(np.array([10**6], "i4")),
    "categories before": categories(np.array([-9], "i1")),
    "categories without a state": Call(wrap, pd.Categorical, WRAPPED, None),
    "levels beyond": index([LEVEL, LEVEL], [np.array([10**6])] * 2),
    "levels before": index([LEVEL], [np.array([-2])]),
    "levels of different lengths": index([LEVEL, LEVEL], [np.array([0, 0]), np.array([0])]),
    "a range of nothing": Call(_new_Index, pd.RangeIndex, {"start": 0, "stop": 1 << 80, "step": 1, "name": None}),
    "an index of another class": Call(_new_Index, pd.DataFrame, {"data": np.arange(3)}),
    "times of numbers": Call(wrap, pd.arrays.DatetimeArray, WRAPPED, None, state=(np.dtype("M8[ns]"), np.arange(3.0))),
    "times of small numbers": Call(wrap, pd.arrays.DatetimeArray, WRAPPED, None, state=(np.dtype("i1"), np.zeros(3, "i1"))),
    "periods of objects": Call(wrap, pd.arrays.PeriodArray, WRAPPED, None, state=(pd.PeriodDtype("M"), OBJECTS)),
    "texts of numbers": Call(wrap, pd.arrays.StringArray, WRAPPED, None, state=(pd.StringDtype("python"), OBJECTS)),
    "an index of times of another class": Call(_new_DatetimeIndex, pd.DatetimeIndex, {"data": np.arange(3), "name": None, "tz": None, "freq": None}),
    "a mask of another length": new(pd.arrays.IntegerArray, {"_data": np.zeros(100, "i8"), "_mask": np.zeros(1, bool)}),
    "a mask of numbers": new(pd.arrays.BooleanArray, {"_data": np.zeros(1, bool), "_mask": np.zeros(1, "i8")}),
    "a sparse place beyond": Call(sparse.IntIndex, 5, np.array([10**8], "i4")),
    "sparse places out of order": Call(sparse.IntIndex, 5, np.array([3, 1], "i4")),
    "a sparse block beyond": Call(sparse.BlockIndex, 5, np.array([4], "i4"), np.array([9], "i4")),
    "more sparse places than values": new(
        pd.arrays.SparseArray,
        {"_sparse_index": Call(sparse.IntIndex, 5, np.array([1, 2, 3], "i4")), "_sparse_values": np.ones(1), "_dtype": pd.SparseDtype(float)},
    ),
    "an Arrow column of another type": Call(pickler._arrow_column, pd.arrays.ArrowStringArray, pa.array([1]), pd.StringDtype("pyarrow")),
    "a column of another class": Call(pickler._arrow_column, pd.DataFrame, pa.array([1]), pd.ArrowDtype(pa.int64())),
    "a timestamp of no unit": Call(timestamps._unpickle_timestamp, 1, None, None, 99),
    "a timedelta of no unit": Call(timedeltas._timedelta_unpickle, 1, 99),
    # Arrow and polars
    "too few Arrow buffers": arrow(pa.string(), 1, []),
    "too many Arrow buffers": arrow(pa.int64(), 1, [None] * 9),
    "no Arrow children": arrow(pa.list_(pa.int8()), 0, [None, None]),
    "a dictionary that is missing": arrow(pa.dictionary(pa.int8(), pa.string()), 0, [None, None]),
    "an Arrow buffer that is too short": arrow(pa.int64(), 10**6, [None, pa.py_buffer(b"A" * 8)]),
    "an Arrow offset beyond": arrow(pa.int64(), 1, [None, pa.py_buffer(b"A" * 8)], offset=1 << 40),
    "a negative Arrow offset": arrow(pa.int64(), 1, [None, pa.py_buffer(b"A" * 8)], offset=-100),
    "a union of no type": Call(pa.lib.union, [pa.field("a", pa.int8())], "dense", [-5]),
    "a polars series of nonsense": new(pl.Series, b"\xff\xff\xff\xff" + b"A" * 400),
    "a polars frame of nonsense": new(pl.DataFrame, b"A" * 400),
    "a polars series whose texts are none": new(pl.Series, TEXTS.replace(b"abc" * 9, b"\xff" * 27)),
    "a polars series whose name is none": new(pl.Series, TEXTS.replace(b"name", b"\xff" * 4)),
    # random numbers
    "a generator beyond its words": Call(
        generators, Call(bits, np.random.MT19937, state=({**np.random.MT19937(1).state, "state": {"key": np.zeros(624, "u4"), "pos": 10**6}}, None))
    ),
    "a generator before its words": Call(
        generators, Call(bits, np.random.Philox, state=({**np.random.Philox(1).state, "buffer_pos": -10**6}, None))
    ),
    "a generator of anything": Call(generators, "x", bytearray),
    "random numbers beyond": Call(random.Random, state=(3, (0,) * 624 + (10**6,), None)),
}  # fmt: skip


SOUND = {
    "an array": array((1,), np.dtype("f8"), b"A" * 8),
    "objects": array((1,), np.dtype("O"), ["A"]),
    "a view": Call(memory.view, np.arange(4), 24, (4,), (-8,), np.dtype("i8"), True),
    "a frame": frame(MATRIX, slice(0, 1, 1)),
    "a frame by number": frame(np.zeros((2, 2)), np.array([1, 0]), columns=2),
    "a series": series(np.zeros(1)),
    "categories": categories(np.array([-1, 1], "i1")),
    "an index": index([LEVEL], [np.array([0, -1])]),
    "a sparse place": Call(sparse.IntIndex, 5, np.array([1, 3], "i4")),
    "a sparse block": Call(sparse.BlockIndex, 5, np.array([1], "i4"), np.array([4], "i4")),
    "an Arrow array": arrow(pa.int64(), 1, [None, pa.py_buffer(b"A" * 8)]),
    "an attribute": Call(types.SimpleNamespace, state={"a": 1}),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_the_corpus_starts_from_is_made(name):
    """So that each of it is refused for what is wrong with it."""
    assert unpack(stream(SOUND[name]), trusted=False) is not None


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Return what each of the corpus does, in a process of its own: it may die."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "corpus").write_bytes(pickle.dumps({name: stream(value) for name, value in HOSTILE.items()}))
    code = """
    import json, pathlib, pickle
    from pforge_lab import UntrustedData
    from pforge_lab.serialization import unpack
    for name, stream in pickle.loads(pathlib.Path("corpus").read_bytes()).items():
        try:
            made = unpack(stream, trusted=False)
            outcome = f"made {type(made)}"
        except UntrustedData as error:
            outcome = f"refused: {error}"
        print(json.dumps([name, outcome]), flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return dict(map(json.loads, done.stdout.splitlines())) | {"": f"{done.returncode} {done.stderr[-500:]}"}


@pytest.mark.parametrize("name", HOSTILE)
def test_data_that_would_corrupt_memory_are_refused(name, outcomes):
    outcome = outcomes.get(name, f"the process died: {outcomes['']}")
    assert outcome.startswith("refused")
    assert "not on the safe list" not in outcome
    assert "\n" not in outcome
