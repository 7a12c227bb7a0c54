"""What `diff` tells of each kind of value."""

from __future__ import annotations

import types
from array import array
from collections import OrderedDict, UserDict
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pforge_lab.runs.inside import Inside
from pforge_lab.runs.inside.look import HIDDEN

FRAME = pd.DataFrame({"x": [1.0, np.nan, 3.0], "s": ["a", "b", None], "c": pd.Categorical(["u", "v", "u"])})
TWICE = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
DAYS = pd.date_range("2020-01-01", periods=3)
LEVELS = pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["n", "s"])
POLARS = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]})
ARROW = pa.table({"a": [1, None, 3], "b": [[1], [2], None]})
LONG = "word " * 100


@dataclass
class Model:
    """A value with attributes."""

    rate: float
    layers: list


class Bare:
    """A value without equality."""

    def __init__(self, n):
        self.n = n


class Hostile:
    """A value that raises when it is compared."""

    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError


def told(before, after):
    return Inside(seconds=None).changed(before, after)


def with_attrs(frame):
    changed = frame.copy()
    changed.attrs["unit"] = "m"
    return changed


def holding_itself(first):
    found = [first]
    found.append(found)
    return found


def objects(*values):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def scaled(factor):
    return lambda x: x * factor


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (FRAME, FRAME[["s", "x", "c"]], "columns in another order"),
        (FRAME, FRAME.set_axis([0, 5, 6]), ".index: RangeIndex -> Index; .index: 2 of 3 labels changed, first at 1: 1 -> 5"),
        (FRAME, FRAME.rename_axis("k"), ".index.name: None -> 'k'"),
        (FRAME, FRAME.rename_axis(columns="k"), ".columns.name: None -> 'k'"),
        (FRAME.set_axis(DAYS), FRAME.set_axis(DAYS._with_freq(None)), ".index: freq D -> None"),
        (FRAME.set_axis(LEVELS), FRAME.set_axis(LEVELS.set_levels(["a", "z"], level=1)), ".index level 1: 1 of 3 labels changed, first at 1: 'b' -> 'z'"),
        (FRAME, with_attrs(FRAME), ".attrs: + 'unit'"),
        (FRAME, FRAME.assign(c=FRAME.c.cat.add_categories("z")), "['c']: categories: + 'z'"),
        (FRAME, FRAME.assign(c=FRAME.c.cat.as_ordered()), "['c']: categories: ordered"),
        (FRAME, FRAME.assign(c=FRAME.c.cat.rename_categories({"v": "z"})), "['c']: categories: + 'z', - 'v'; ['c']: 1 of 3 cells changed, first in row 1: 'v' -> 'z'"),
        (TWICE, TWICE.set_axis(["a", "b"], axis=1), "+ column 'b'; - column 'a'"),
        (TWICE, pd.DataFrame([[1, 2], [3, 5]], columns=["a", "a"]), "['a'] (column 1): 1 of 2 cells changed, first in row 1: 4 -> 5"),
        (pd.DataFrame({"o": objects(None, 1)}), pd.DataFrame({"o": objects(np.nan, True)}), "['o']: 2 of 2 cells changed, first in row 0: None -> nan"),
        (pd.DataFrame({"o": objects(np.arange(3), 1)}), pd.DataFrame({"o": objects(np.ones(3, int), 1)}), "['o']: 1 of 2 cells changed, first in row 0: 2 of 3 items changed, first at [0]: 0 -> 1"),
        (FRAME.x, FRAME.x.rename("y"), ".name: 'x' -> 'y'"),
        (pd.Index([1, 2]), pd.Index([1, 3]), "1 of 2 labels changed, first at 1: 2 -> 3"),
        (pd.array([1, None]), pd.array([1, 2]), "1 of 2 items changed, first at [1]: <NA> -> 2"),
    ],
)  # fmt: skip
def test_what_changed_in_pandas(before, after, text):
    """Columns, indexes, names, attributes, categories and cells of any kind."""
    assert told(before, after) == text


def test_rows_in_another_order_are_told_beside_the_cells():
    """The index says that rows moved; cells are compared by their place."""
    text = told(FRAME, FRAME.iloc[::-1].rename_axis("k"))
    assert ".index.name: None -> 'k'; .index: the same labels in another order; ['x']: 2 of 3 cells" in text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (POLARS, POLARS.with_columns(a=pl.Series([1, 2, 3])), "['a']: 1 of 3 cells changed, first in row 1: None -> 2"),
        (POLARS, POLARS.rename({"a": "z"}), "+ column 'z'; - column 'a'"),
        (POLARS, POLARS.select("b", "a"), "columns in another order"),
        (POLARS, POLARS.cast({"a": pl.Int8}), "['a']: Int64 -> Int8"),
        (POLARS, POLARS.head(1), "-2 rows"),
        (POLARS["a"], POLARS["a"].alias("z"), ".name: 'a' -> 'z'"),
        (pl.Series([[1], [2]]), pl.Series([[1], [3]]), "1 of 2 cells changed, first in row 1: [2] -> [3]"),
        (pl.Series([1.0, None]), pl.Series([1.0, float("nan")]), "1 of 2 cells changed, first in row 1: None -> nan"),
        (pl.Series([1, 2]), pl.Series(["1", "3"]), "Int64 -> String; 2 of 2 cells changed, first in row 0: 1 -> '1'"),
        (POLARS.lazy(), POLARS.lazy().filter(pl.col("a") > 1), "query: +2 items"),
    ],
)  # fmt: skip
def test_what_changed_in_polars(before, after, text):
    """Schema, rows and cells; null is not NaN."""
    assert told(before, after).startswith(text)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (ARROW, ARROW.set_column(0, "a", [[1, 2, 3]]), "['a']: 1 of 3 cells changed, first in row 1: None -> 2"),
        (ARROW, ARROW.set_column(1, "b", [[[1], [5], None]]), "['b']: 1 of 3 cells changed, first in row 1: [2] -> [5]"),
        (ARROW, ARROW.rename_columns(["a", "a"]), "+ column 'a'; - column 'b'"),
        (ARROW, ARROW.slice(1), "-1 row"),
        (ARROW, ARROW.replace_schema_metadata({"k": "v"}), ".schema.metadata: + b'k'"),
        (pa.array([1.0, np.nan]), pa.array([2.0, np.nan]), "1 of 2 items changed, first at [0]: 1.0 -> 2.0"),
        (pa.chunked_array([[1], [2]]), pa.chunked_array([[1, 3]]), "1 of 2 items changed, first at [1]: 2 -> 3"),
        (pa.array([1]), pa.array(["1"]), "Int64Array -> StringArray; int64 -> string; 1 of 1 item changed, first at [0]: 1 -> '1'"),
        (ARROW.to_batches()[0], ARROW.slice(0, 2).to_batches()[0], "-1 row"),
    ],
)  # fmt: skip
def test_what_changed_in_arrow(before, after, text):
    """Schema, metadata, rows and cells, of nested types too."""
    assert told(before, after) == text


RECORDS = np.zeros(2, [("a", "f8"), ("b", "i4")])


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (np.ma.array([1, 2], mask=[0, 0]), np.ma.array([1, 2], mask=[0, 1]), ".mask: 1 of 2 items changed, first at [1]: False -> True"),
        (RECORDS, np.array([(0, 0), (0, 5)], RECORDS.dtype), "['b']: 1 of 2 items changed, first at [1]: 0 -> 5"),
        (np.zeros((2, 2)), np.zeros((2, 2), order="F"), "memory order C -> F"),
        (np.array(["2020"], "M8[ns]"), np.array(["2021"], "M8[ns]"), "1 of 1 item changed, first at [0]: '2020-01-01T00:00:00.000000000' -> '2021-01-01T00:00:00.000000000'"),
        (np.array([0.0]), np.array([-0.0]), HIDDEN),
        ({1, 2}, {2, 3}, "+ 3; - 1"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "keys in another order"),
        ((1, 2), [1, 3], "tuple -> list; [1]: 2 -> 3"),
        ({"a": 1}, OrderedDict(a=1), "dict -> OrderedDict"),
        ({"a": (1, {"b": 1})}, {"a": (1, {"b": True})}, "['a'][1]['b']: 1 -> True"),
        (pd.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]}), "pandas.DataFrame -> polars.DataFrame"),
        (Model(0.1, [1, {"w": 2}]), Model(0.2, [1, {"w": 3}]), ".rate: 0.1 -> 0.2; .layers[1]['w']: 2 -> 3"),
        ({"m": Bare(1), "n": 1}, {"m": Bare(1), "n": 2}, "['n']: 1 -> 2"),
        (types.SimpleNamespace(a=1), types.SimpleNamespace(b=1), "+ .b; - .a"),
        (ValueError("a", 1), ValueError("a", 2), ".args[1]: 1 -> 2"),
        (scaled(2), scaled(3), "with factor: 2 -> 3"),
        (lambda x: x, lambda x: x + 1, "its code differs"),
        (holding_itself(1), holding_itself(2), "[0]: 1 -> 2"),
        (LONG, LONG + "more", "+4 characters; at the end 'more' added"),
        (LONG + "a", LONG + "b", "differs from character 500: 'a' -> 'b'"),
        (bytes(100), bytes(99) + b"\1", r"differs from byte 99: b'\x00' -> b'\x01'"),
        (bytearray(100), bytearray(50), "-50 bytes; at the end b"),
        ([1, [np.nan]], [2, [float("nan")]], "[0]: 1 -> 2"),
        (array("d", [1, 2]), array("d", [1, 3]), "1 of 2 items changed, first at [1]: 2.0 -> 3.0"),
        (UserDict(a=1), UserDict(a=2), "['a']: 1 -> 2"),
        (object(), object(), HIDDEN),
    ],
)  # fmt: skip
def test_what_changed_in_other_values(before, after, text):
    """Masks, fields, members, order, kinds, attributes, defaults, texts; and what cannot be seen is said to be so."""
    assert told(before, after).startswith(text)


def test_values_that_raise_when_compared_are_told_by_their_text():
    """A class may do what it likes: the rest is told all the same."""
    assert told([Hostile(), 1], [Hostile(), 2]) == "[1]: 1 -> 2"


def test_deep_values_are_looked_into():
    """However deep: it is no recursion."""
    before, after = 1, 2
    for _ in range(20_000):
        before, after = [before], [after]
    assert told(before, after).endswith("[0][0]: 1 -> 2")


def test_what_equality_tells_apart_is_told_first():
    """It is found at once, however much there is before; then what is equal and yet another kind."""
    assert told([{"a": [1]}, 1], [{"a": [True]}, 2]) == "[1]: 1 -> 2; [0]['a'][0]: 1 -> True"
