"""`diff` over values of any kind: it never raises, and says something of whatever differs."""

from __future__ import annotations

import math
import pickle

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from pforge_lab.runs.inside import Inside

ANY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the first values load libraries
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, math.nan, math.inf]),
    st.text("ab", max_size=2),
    st.lists(st.integers(0, 1), max_size=2),
)
LABELS = st.one_of(st.integers(0, 2), st.sampled_from(["a", "b", None, math.nan, ("a", 1)]))
KEYS = LABELS.filter(lambda label: label == label)  # noqa: PLR0124 - NaN as a key is another one each time
FLOATS = st.lists(st.one_of(st.none(), st.sampled_from([0.5, 1.0, math.nan])), max_size=3)


@st.composite
def frames(draw):
    """Frames whose columns, of any cells, may have the same name."""
    names, rows = draw(st.lists(LABELS, max_size=3)), draw(st.integers(0, 3))
    columns = [draw(st.lists(CELLS, min_size=rows, max_size=rows)) for _ in names]
    frame = pd.DataFrame({place: pd.Series(column, dtype=object) for place, column in enumerate(columns)})
    frame.columns = pd.Index(names, dtype=object)
    if draw(st.booleans()):
        frame = frame.infer_objects()
    if draw(st.booleans()):
        frame.index = pd.Index(draw(st.lists(LABELS, min_size=len(frame), max_size=len(frame))), dtype=object)
    return frame


DATA = st.one_of(
    frames(),
    FLOATS.map(lambda values: pl.DataFrame({"a": pl.Series(values, dtype=pl.Float64, strict=False)})),
    st.lists(st.lists(st.integers(0, 1), max_size=2), max_size=2).map(lambda v: pl.Series("n", v, dtype=pl.List(pl.Int64))),
    FLOATS.map(lambda values: pa.table({"a": pa.array(values, pa.float64())})),
    st.lists(st.sampled_from(["u", "v", None]), max_size=3).map(lambda v: pd.Series(pd.Categorical(v))),
    st.lists(st.integers(0, 2), max_size=4).map(lambda v: np.ma.array(v, mask=[n == 0 for n in v])),
    st.lists(st.integers(0, 2), max_size=4).map(np.array),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(CELLS, DATA, st.binary(max_size=60), st.sets(st.integers(0, 3))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3), st.tuples(inner, inner)
    ),
    max_leaves=6,
)


@settings(ANY, max_examples=300)
@given(VALUES, VALUES)
def test_something_is_said_of_any_two_values(before, after):
    """Whatever they are: in one line, and without an error."""
    text = Inside(seconds=None).changed(before, after)
    assert "raises" not in text
    assert "\n" not in text


@settings(ANY, max_examples=200)
@given(VALUES)
def test_nothing_differs_in_a_copy(value):
    """What is compared is what values are, not which objects."""
    assert not Inside(seconds=None).compare(value, pickle.loads(pickle.dumps(value)))


@settings(ANY, max_examples=200)
@given(st.dictionaries(st.text("ab", max_size=2), VALUES, max_size=3), CELLS, CELLS)
def test_a_change_deep_inside_is_found(around, before, after):
    """Its path is told, also when there is something else beside it."""
    if not Inside(seconds=None).differ(before, after):
        return
    text = Inside(seconds=None).compare({"it": [around, {"k": before}]}, {"it": [around, {"k": after}]})
    assert text.startswith("['it'][1]['k']")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "Arrow"])
def test_the_first_of_many_cells_is_found(make):
    """In the middle of a column of a million, compared by the library itself."""
    before, after = np.zeros(1_000_000), np.zeros(1_000_000)
    after[654_321] = 1.0
    text = Inside(seconds=20).compare(make({"a": before}), make({"a": after}))
    assert text == "['a']: 1 of 1,000,000 cells changed, first in row 654,321: 0.0 -> 1.0"
