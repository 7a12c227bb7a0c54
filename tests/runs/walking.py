"""What random walks through runs are made of: values of every kind, and what steps do to them."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa


def frame():
    return pd.DataFrame({
        "a": range(1500),
        "f": np.linspace(0, 1, 1500),
        "s": [f"x{i % 7}" for i in range(1500)],
        "t": pd.date_range("2026-01-01", periods=1500, tz="Europe/Berlin"),
    })  # fmt: skip


def array():
    return np.arange(6000.0).reshape(60, 100)


def nested():
    return {"list": [1, {"k": (2, [3])}], "set": {"b", "a", "c"}, "text": "x" * 3000}


def number():
    return 7


def rows():
    """Return a list that is long enough to be kept as what differs."""
    return [{"n": i, "t": f"t{i % 50}"} for i in range(3000)]


def table():
    return pl.DataFrame({"a": range(900), "s": [f"x{i % 9}" for i in range(900)]})


def kinds():
    """Return a frame of the kinds of columns that are no plain arrays, under an index of two levels."""
    return pd.DataFrame(
        {
            "a": pd.array([1, 2, None, 4] * 300, dtype="Int64"),
            "c": pd.Categorical(list("abca") * 300),
            "b": pd.array([True, None, False, True] * 300, dtype="boolean"),
            "o": [[number] for number in range(1200)],
            "d": pd.to_timedelta(range(1200), unit="s"),
        },
        index=pd.MultiIndex.from_product([range(300), list("wxyz")]),
    )


def masked():
    return np.ma.array(np.arange(900.0), mask=[False, True, False] * 300, hard_mask=False)


def objects():
    return np.array([[number] for number in range(50)] + [None], dtype=object)


def buffer():
    return bytearray(range(250)) * 30


def arrow():
    return pa.table({"a": list(range(700)), "s": [f"x{i % 9}" for i in range(700)]})


def alias(x):
    return x


def inside(x):
    return {"held": x, "beside": [x]}


def view(x):
    return x[::2]


def part(x):
    """Return what views a value as another kind of value."""
    if isinstance(x, pd.DataFrame):
        column = x["a"]
        return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array
    if isinstance(x, np.ma.MaskedArray):
        return x.data
    if isinstance(x, bytearray):
        return np.frombuffer(x, np.uint8)
    if isinstance(x, np.ndarray):
        return np.ma.array(x, copy=False) if x.dtype != object else x[1:]
    return None


def spoil(x):
    """Change the input in place, whatever it is."""
    change(x)
    return type(x).__name__


def refuse(x):
    change(x)
    raise ValueError("refused")


@singledispatch
def change(x):
    """Change a value in place, if that is possible."""


@change.register
def _(x: pd.DataFrame):
    x.iloc[3, 0] = int(x["a"].iloc[3]) + 1
    x[f"new{x.shape[1]}"] = 1.5


@change.register
def _(x: pl.DataFrame):
    x[3, "a"] = x[3, "a"] + 1


@change.register
def _(x: np.ma.MaskedArray):
    x[1] = 5 if x.flags.writeable else x[1]


@change.register
def _(x: np.ndarray):
    if x.dtype == object:
        x[0] = [len(x), x[0]] if isinstance(x[0], int) else 1
    elif x.flags.writeable:
        x[0] += 1


@change.register
def _(x: pd.api.extensions.ExtensionArray):
    x[0] = x[1]


@change.register
def _(x: bytearray):
    x[5] = (x[5] + 1) % 256


@change.register
def _(x: dict):
    if "held" in x:
        change(x["held"])
    x[f"key{len(x)}"] = [len(x)]


@change.register
def _(x: list):
    if len(x) > 1000:
        del x[len(x) // 3]
        x[-1]["t"] += "longer"
        x.insert(0, {"n": len(x)})
    else:
        x.append(len(x))


def same(a, b):
    """Return whether two values are equal, of equal types."""
    return type(a) is type(b) and _equal(a, b)


@singledispatch
def _equal(a, b):
    return bool(a == b)


@_equal.register(pd.DataFrame)
@_equal.register(pl.DataFrame)
def _(a, b):
    return a.equals(b) and list(a.dtypes) == list(b.dtypes) and list(a.columns) == list(b.columns)


@_equal.register(pa.Table)
@_equal.register(pd.api.extensions.ExtensionArray)
def _(a, b):
    return a.equals(b)


@_equal.register(np.ma.MaskedArray)
def _(a, b):
    return same(a.data, b.data) and same(np.ma.getmaskarray(a), np.ma.getmaskarray(b))


@_equal.register(np.ndarray)
def _(a, b):
    equal = same(a.tolist(), b.tolist()) if a.dtype == object else np.array_equal(a, b)
    return a.dtype == b.dtype and equal


@_equal.register(dict)
def _(a, b):
    return list(a) == list(b) and all(same(a[key], b[key]) for key in a)


@_equal.register(list)
@_equal.register(tuple)
def _(a, b):
    return len(a) == len(b) and all(map(same, a, b))


_MUTABLE = (pd.DataFrame, pl.DataFrame, pd.api.extensions.ExtensionArray, np.ndarray, bytearray, dict, list)


def memory_of(value):
    """Return the arrays that a value consists of, and whether it copies them when it is written to."""
    if isinstance(value, pd.DataFrame):
        columns = (value.iloc[:, place] for place in range(value.shape[1]))
        return [column.to_numpy() for column in columns if isinstance(column.dtype, np.dtype)], True
    if isinstance(value, np.ma.MaskedArray):
        return [value.data], False
    if isinstance(value, bytearray):
        return [np.frombuffer(value, np.uint8)], False
    return ([value] if isinstance(value, np.ndarray) else []), False


def is_shared(one, other):
    """Return whether two values have memory in common that a write through one of them changes for the other."""
    (first, copies), (second, also_copies) = memory_of(one), memory_of(other)
    return not (copies and also_copies) and any(np.shares_memory(a, b) for a in first for b in second)


def shape_of_aliasing(values):
    """Return which variables are one object, hold one another, or share memory."""
    names = sorted(values)
    pairs = set()
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            a, b = values[one], values[other]
            if isinstance(a, _MUTABLE) and a is b:
                pairs.add((one, "is", other))
            for outer, inner in ((one, other), (other, one)):
                held = values[outer].get("held") if isinstance(values[outer], dict) else None
                if isinstance(held, _MUTABLE) and held is values[inner]:
                    pairs.add((outer, "holds", inner))
            if is_shared(a, b):
                pairs.add((one, "shares", other))
    return pairs
