"""What changed inside values, and how long `diff` looks for it."""

from __future__ import annotations

from itertools import count

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import pforge_lab as pf
from pforge_lab.runs.inside import Inside

FRAME = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": ["x", "y", "z"]})
NESTED = {"rows": [1, 2, 3], "frame": FRAME, "array": np.arange(3)}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (FRAME, FRAME.assign(a=[1.0, np.nan, 7.0]), "['a']: 1 of 3 cells changed, first in row 2: 3.0 -> 7.0"),
        (FRAME, FRAME.assign(c=1), "+ column 'c'"),
        (FRAME, FRAME[["a"]], "- column 'b'"),
        (FRAME, FRAME.iloc[:2], "-1 row"),
        (FRAME, FRAME.astype({"a": "float32"}), "['a']: float64 -> float32"),
        (pd.Series([1, None], dtype="Int64"), pd.Series([1, 2], dtype="Int64"), "1 of 2 cells changed, first in row 1: <NA> -> 2"),
        (pd.Series([1, 2]), pd.Series([1, 2, 3]), "+1 row"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "shape (2, 3) -> (3, 2)"),
        (np.zeros(2, int), np.zeros(2), "int64 -> float64"),
        (np.zeros((2, 2)), np.eye(2), "2 of 4 items changed, first at [0, 0]: 0.0 -> 1.0"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "['a'][1]['b']: 2 -> 3"),
        (NESTED, NESTED | {"frame": FRAME.assign(a=0.0)}, "['frame']['a']: 3 of 3 cells changed, first in row 0: 1.0 -> 0.0"),
        (NESTED, NESTED | {"array": np.arange(4)}, "['array']: shape (3,) -> (4,)"),
        (list(range(20)), [0] * 20, "[1]: 1 -> 0; [2]: 2 -> 0; [3]: 3 -> 0; [4]: 4 -> 0; [5]: 5 -> 0; and 14 more"),
        (NESTED, NESTED | {"frame": FRAME.copy()}, ""),
    ],
)  # fmt: skip
def test_what_changed_inside_is_told(before, after, told):
    """Shapes, types, columns, cells, keys and items."""
    inside = Inside(seconds=None)
    assert inside.compare(before, after) == told
    assert not inside.stopped


@pytest.fixture
def large(memory):
    """Return a run that has changed a cell of a long column, an item of a long list, and a small dict."""

    def column():
        return pd.DataFrame({"a": pd.Series([object()] * 10, dtype=object).astype(str), "b": range(10)})

    def items():
        return list(range(50_000))

    def small():
        return {"n": 1}

    def change(column, items, small):
        column.loc[9, "b"] = -1
        items[49_999] = -1
        small["n"] = 2

    run = pf.Pipeline.from_functions("large", column, items, small, change).start(state=memory)
    run.finish()
    return run


def test_a_diff_with_time_tells_all(large):
    """By default two seconds, of which this takes few."""
    told = large.diff().set_index("variable").after
    assert "['b']: 1 of 10 cells changed, first in row 9: 9 -> -1" in told["column"]
    assert "[49999]: 49999 -> -1" in told["items"]
    assert told["small"].endswith("['n']: 1 -> 2")


def test_a_diff_without_time_says_that_it_did_not_compare(large):
    """What changed is told all the same, from what the snapshots say of it."""
    rows = large.diff(seconds=0).set_index("variable")
    assert set(rows.change[["column", "items", "small"]]) == {"changed"}
    assert rows.before["column"] == "DataFrame 10 x 2"
    for text in rows.after[["column", "items", "small"]]:
        assert text.endswith("not compared, after 0 s: diff(seconds=None) takes as long as it takes")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            np.zeros(2_000_000),
            np.ones(2_000_000),
            "at least 1,048,576 of 2,000,000 items changed, first at [0]: 0.0 -> 1.0",
        ),
        (
            pl.Series(np.zeros(2_000_000)),
            pl.Series(np.ones(2_000_000)),
            "at least 1,048,576 of 2,000,000 cells changed, first in row 0: 0.0 -> 1.0",
        ),
        (
            pa.array(np.zeros(2_000_000)),
            pa.array(np.ones(2_000_000)),
            "at least 1,048,576 of 2,000,000 items changed, first at [0]: 0.0 -> 1.0",
        ),
        ([0] * 5000, [0, 1] + [0] * 4998, "[1]: 0 -> 1"),
        (
            pd.DataFrame({"a": [1], "b": [1]}),
            pd.DataFrame({"a": [2], "b": [2]}),
            "['a']: 1 of 1 cell changed, first in row 0: 1 -> 2",
        ),
    ],
)
def test_looking_ends_when_the_time_is_over(before, after, told):
    """Between two blocks of cells or items; what was found by then is told. Each look takes a second here."""
    inside = Inside(seconds=5.5, clock=count().__next__)
    assert inside.compare(before, after).startswith(told)
    assert inside.stopped


def test_what_is_found_before_the_end_is_told_with_the_limit(memory):
    """A row says what was found, and that there may be more."""

    def make():
        return np.zeros(3_000_000)

    def fill(make):
        make[:] = 1

    run = pf.Pipeline.from_functions("p", make, fill).start(state=memory)
    run.finish()
    text = run.diff(seconds=1e-9).set_index("variable").after["make"]
    assert text.endswith(
        " — compared no further, after 1e-09 s: diff(seconds=None) takes as long as it takes"
    )
