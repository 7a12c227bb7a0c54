"""One variable to look at: bounded whatever it holds, and never an error."""

from __future__ import annotations

import collections
import enum
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pforge_lab.values.describe import describe, sketch
from pforge_lab.views.html import preview_html
from pforge_lab.views.text import preview_text


class Colour(enum.Enum):
    """A value of a user's class."""

    RED = 1


class Hostile:
    """Whatever is asked of it raises."""

    @property
    def __class__(self):
        raise RuntimeError("class")

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise ValueError("<b>no</b>")

    def __len__(self):
        raise OverflowError

    def __iter__(self):
        raise OSError


class Nameless(type):
    """A metaclass whose classes have no name."""

    @property
    def __name__(cls):
        raise RuntimeError("name")


class HostileDict(dict):
    """A mapping that cannot be counted."""

    def __len__(self):
        raise RuntimeError("len")


class Silent:
    """Its repr is never asked for where only a line is needed."""

    def __init__(self):
        self.weight = 0.5

    def __repr__(self):
        raise AssertionError("repr was called")


@dataclass(slots=True)
class Slotted:
    """Keeps what it holds in slots."""

    name: str
    empty: object = field(init=False)


@dataclass
class Mixed(Slotted):
    """Slots of its base, and a dict."""

    more: int = 3


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


NESTED = {"user": {"name": "Ann", "tags": list(range(100))}, "flag": True}
LINES = [
    (None, ("NoneType", "", "None")),
    (15, ("int", "", "15")),
    (True, ("bool", "", "True")),
    (1 << 5000, ("int", "", "<int of 5,001 bits>")),
    ("day.csv", ("str", "7 characters", "'day.csv'")),
    (b"ab", ("bytes", "2 bytes", "b'ab'")),
    ((1,), ("tuple", "1 item", "(1,)")),
    (set(), ("set", "0 items", "set()")),
    (Point(1, 2), ("Point", "2 items", "(1, 2)")),
    (collections.deque([1]), ("deque", "1 item", "deque([1])")),
    (NESTED, ("dict", "2 keys", "{'user': {'name': 'Ann', 'tags': […]}, 'flag': True}")),
    (Colour.RED, ("Colour", "", "Colour.RED")),
    (Decimal("1.5"), ("Decimal", "", "Decimal('1.5')")),
    (PurePosixPath("a/b"), ("PurePosixPath", "", "PurePosixPath('a/b')")),
    (ValueError("bad"), ("ValueError", "", "ValueError('bad')")),
    (len, ("builtin_function_or_method", "", "<builtin_function_or_method len>")),
    (threading.Lock(), ("lock", "", "<lock>")),
    (Silent(), ("Silent", "", "Silent(weight=0.5)")),
    (Slotted("a"), ("Slotted", "", "Slotted(name='a')")),
    (Mixed("a"), ("Mixed", "", "Mixed(name='a', more=3)")),
    (Silent, ("type", "", "<type Silent>")),
    (np.arange(6.0).reshape(2, 3), ("ndarray float64", "2 x 3", "0.0, 1.0, 2.0, 3.0, …")),
    (np.array(5), ("ndarray int64", "", "5")),
    (np.float32(1.5), ("float32", "", "np.float32(1.5)")),
    (pd.Series([1, 2], name="n"), ("Series int64", "2", "1, 2")),
    (pd.RangeIndex(5), ("RangeIndex int64", "5", "0, 1, 2, 3, …")),
    (pd.NA, ("NAType", "", "<NA>")),
    (pd.Timestamp("2013-01-01"), ("Timestamp", "", "Timestamp('2013-01-01 00:00:00')")),
    (pl.DataFrame({"a": [1], "b": ["x"]}), ("DataFrame", "1 x 2", "a, b")),
    (pa.table({"a": [1, 2]}), ("Table", "2 x 1", "a")),
    (pa.chunked_array([[1], [2]]), ("ChunkedArray int64", "2", "1, 2")),
]
HARD = {
    "hostile": Hostile,
    "hostile in a list": lambda: [Hostile()],
    "hostile in a dict": lambda: {"x": Hostile()},
    "nameless": Nameless("N", (), {}),
    "hostile dict": lambda: HostileDict(a=1),
    "silent": Silent,
    "silent in an array": lambda: np.array([Silent()], object),
    "silent in a frame": lambda: pd.DataFrame({"x": [Silent()]}),
    "masked": lambda: np.ma.array([1, 2], mask=[0, 1]),
    "no element": lambda: np.array([]),
    "no row": lambda: np.zeros((0, 3)),
    "no plane": lambda: np.zeros((2, 0, 3)),
    "scalar array": lambda: np.array(5),
    "all missing": lambda: np.array([np.nan]),
    "dates": lambda: np.array(["2020-01-01"], "M8[D]"),
    "complex": lambda: np.array([1j]),
    "structured": lambda: np.array([(1, "a")], dtype="i4,U1"),
    "no frame": pd.DataFrame,
    "two levels": lambda: pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
    "named by a tuple": lambda: pd.Series([1.5], name=("x", 1)),
    "same names": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "categories": lambda: pd.Categorical(["a"]),
    "polars series": lambda: pl.Series([1]),
    "polars plan": lambda: pl.LazyFrame({"a": [1]}),
    "no table": lambda: pa.table({}),
    "large integer": lambda: 10**5000,
    "mixed set": lambda: {1, "a"},
    "nan": lambda: float("nan"),
    "memory": lambda: memoryview(b"a"),
    "generator": lambda: (number for number in range(3)),
}


@pytest.mark.parametrize(("value", "line"), LINES, ids=[repr(line) for _, line in LINES])
def test_a_value_in_one_line(value, line):
    """Type, shape and a preview, told without asking classes we do not know."""
    assert describe(value) == line


@pytest.mark.parametrize("make", HARD.values(), ids=HARD)
def test_no_value_is_an_error(make, read_html, words_of):
    """What a class raises is shown in the value's place, escaped; both forms say the same."""
    value = make()
    assert all(type(part) is str for part in describe(value))
    sketch(value)
    assert read_html(preview_html(value, "v")).words == words_of(preview_text(value, "v"))


def test_what_a_repr_raises_is_shown():
    """The reader learns which class is at fault."""
    assert "cannot be shown: ValueError: <b>no</b>" in preview_text(Hostile(), "v")


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame(np.zeros((1000, 300)), columns=[f"column {'x' * 300}{place}" for place in range(300)]),
        pd.DataFrame({"text": ["<" * 100_000] * 100}),
        np.zeros((500, 500, 5)),
        np.array(["<" * 10_000] * 100, dtype=object),
        {f"{'k' * 200}{key}": {str(inner): list(range(100)) for inner in range(100)} for key in range(100)},
        [[[[[[[[1] * 50] * 50] * 50] * 50] * 50] * 50] * 50],
        "<" * 1_000_000,
        "<\n" * 1_000_000,
        b"<" * 1_000_000,
        10**100_000,
        type("Talkative", (), {"__repr__": lambda _: "<\n" * 1_000_000})(),
    ],
    ids=[
        "wide frame",
        "long cells",
        "array",
        "objects",
        "dict",
        "deep list",
        "line",
        "lines",
        "bytes",
        "int",
        "repr",
    ],
)
def test_what_is_sent_is_bounded(value):
    """Far below 200 kB, whatever the variable holds."""
    assert len(preview_html(value, "v" * 1000)) < 100_000


def test_a_value_that_holds_itself_ends():
    """A cycle is cut at the depth of the tree."""
    loop = []
    loop.append(loop)
    assert describe(loop) == ("list", "1 item", "[[[…]]]")
    assert preview_text({"loop": loop}, "v").count("list") == 4


def test_a_tree_counts_what_it_leaves_out():
    """Twenty items of each part, 400 in all."""
    shown = preview_text(NESTED, "cfg")
    assert "    'tags' list 100 items" in shown
    assert "      … 80 more" in shown
    assert "  'flag' True" in shown


@pytest.mark.parametrize("library", ["matplotlib", "IPython", "ipywidgets", "polars", "papermill"])
def test_looking_at_values_imports_no_heavy_library(library):
    """Types are told by their names."""
    code = f"import sys, pforge_lab.views.html as h; h.preview_html([1], 'x'); sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
