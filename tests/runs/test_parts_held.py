"""What somebody changes by hand through a part of a frame is an edit, however long ago the part was handed out."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.runs.wholeness import is_whole


def frame():
    """Return a frame with columns of several kinds."""
    made = pd.DataFrame(
        {
            "x": np.arange(5.0),
            "i": pd.array([1, 2, 3, 4, 5], dtype="Int64"),
            "c": pd.Categorical(list("ababa")),
            "t": pd.date_range("2026", periods=5, tz="UTC"),
        }
    )
    made.attrs["notes"] = ["one"]
    return made


def put(value):
    def change(part):
        part[0] = value

    return change


def named(part):
    part.name = "named"


def written(part):
    part.flags.writeable = True
    part[0] = 9.0


PARTS = {
    "what attrs holds": (lambda made: made.attrs["notes"], lambda part: part.append("two")),
    "attrs": (lambda made: made.attrs, lambda part: part.update(more=1)),
    "a nullable column's array": (lambda made: made["i"].array, put(9)),
    "a categorical": (lambda made: made["c"].array, put("b")),
    "datetimes": (lambda made: made["t"].array, put(pd.Timestamp("1999-01-01", tz="UTC"))),
    "the array behind a column": (lambda made: made["x"].array._ndarray, written),
    "an array made writeable": (lambda made: made["x"].to_numpy(), written),
    "the index": (lambda made: made.index, named),
    "the columns": (lambda made: made.columns, named),
}


def looks(made):
    """Return what can be seen of a frame."""
    return repr(made), made.attrs, made.index.name, made.columns.name


def plain(count):
    """Return steps that have nothing to do with the frame."""
    return [pf.Step(list, output_var="other", label=f"s{number}") for number in range(count)]


@pytest.mark.parametrize("kind", PARTS)
def test_a_change_of_a_part_is_an_edit(kind, memory):
    """The part was handed out two steps before, and nobody holds the frame."""
    take, change = PARTS[kind]
    made = pf.Step(frame, output_var="frame")
    run = pf.Pipeline("parts", steps=[made, *plain(3)]).start(state=memory)
    run.step()
    part = take(run["frame"])
    gc.collect()
    run.step(2)
    assert [record.status for record in run.history] == ["done"] * 3
    change(part)
    run.step()
    assert [record.status for record in run.history] == ["done"] * 3 + ["edited", "done"]
    assert looks(run.at(4)["frame"]) == looks(run["frame"])


@pytest.mark.parametrize("build", [lambda array: {"a": array}, lambda array: array], ids=["column", "block"])
def test_a_change_of_what_a_frame_was_made_over_is_an_edit(build, memory):
    """The caller still has the array that the frame it passed in views."""
    array = np.zeros(4)
    run = pf.Pipeline("over", params={"frame": "any"}, steps=plain(3)).start(
        {"frame": pd.DataFrame(build(array), copy=False)}, state=memory
    )
    run.step(2)
    array[0] = 5
    run.step()
    assert [record.status for record in run.history] == ["done", "done", "edited", "done"]
    assert run.at(3)["frame"].iloc[0, 0] == 5


def test_a_frame_whose_parts_are_its_own_is_whole():
    """Made, loaded, read or copied: nobody needs to look at it again; nor at one whose view is gone."""
    made = frame()
    made.attrs.clear()
    assert is_whole(made)
    view = made["x"]
    assert not is_whole(made)
    del view
    assert is_whole(made)
    assert is_whole(made.copy())
    assert is_whole(pd.DataFrame(np.zeros((3, 2))))


def test_what_is_not_known_is_not_whole():
    """Objects in columns, other kinds of arrays, and frames of derived classes."""

    class Derived(pd.DataFrame):
        pass

    assert not is_whole(pd.DataFrame({"o": [[1], [2]]}))
    assert not is_whole(pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1])}))
    assert not is_whole(Derived({"x": [1.0]}))
    assert not is_whole([1])
