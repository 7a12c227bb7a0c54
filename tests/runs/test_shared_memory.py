"""Variables that share memory or objects: a change through one of them is in the history of the others."""

from __future__ import annotations

import array
import threading
import types

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf


def of_steps(*functions):
    """Return a pipeline of functions whose parameters name variables, and whose names are what they write."""
    return pf.Pipeline.from_functions("shared", *functions)


def texts(variables):
    """Return what variables look like."""
    return {name: _text(value) for name, value in variables.items()}


def _text(value):
    if isinstance(value, np.ndarray):
        return repr(np.ma.getdata(value).tolist())
    if isinstance(value, (bytearray, memoryview)):
        return repr(bytes(value))
    return repr(value)


class Derived(np.ndarray):
    """A kind of array that adds nothing."""


def masked():
    return np.ma.array(np.arange(6.0), mask=[0, 0, 1, 0, 0, 0])


def structured():
    return np.zeros(4, dtype=[("x", "f8"), ("y", "i4")])


def first_of(value):
    """Change the first element, whatever it is an element of."""
    if isinstance(value, pd.DataFrame):
        value.iloc[0, 0] = -1
    elif isinstance(value, dict):
        value["new"] = 1
    elif isinstance(value, np.ndarray) and value.dtype.names:
        value["x"][0] = 99
    elif isinstance(value, np.matrix):
        value[0, 1] = 99
    elif isinstance(value, np.ndarray):
        value[(0,) * value.ndim] = 99
    else:
        value[0] = 99


FRAME = {"x": [1.0, 2.0], "y": [3.0, 4.0]}
SHARED = {
    "a column's array": (lambda: pd.DataFrame(FRAME), lambda one: one["x"].to_numpy()),
    "a frame's array": (lambda: pd.DataFrame(FRAME), lambda one: one.to_numpy()),
    "a column's own array": (lambda: pd.DataFrame(FRAME), lambda one: one["x"].array),
    "a nullable column's array": (
        lambda: pd.DataFrame({"x": pd.array([1, 2], dtype="Int64")}),
        lambda one: one["x"].array,
    ),
    "a frame over an array": (lambda: np.zeros((4, 2)), lambda one: pd.DataFrame(one, copy=False)),
    "a slice of a masked array": (masked, lambda one: one[:3]),
    "the data of a masked array": (masked, lambda one: one.data),
    "a masked array over an array": (lambda: np.zeros(3), lambda one: np.ma.array(one, copy=False)),
    "a record array": (structured, lambda one: one.view(np.recarray)),
    "a derived kind of array": (lambda: np.zeros(3), lambda one: one.view(Derived)),
    "a transposed matrix": (lambda: np.matrix([[1, 2], [3, 4]]), lambda one: one.T),
    "a slice of an array of objects": (lambda: np.array([1, "a", [1]], object), lambda one: one[:2]),
    "a memoryview": (lambda: bytearray(64), memoryview),
    "an array over a bytearray": (lambda: bytearray(64), lambda one: np.frombuffer(one, np.uint8)),
    "an array over an array.array": (lambda: array.array("d", [1, 2]), np.frombuffer),
    "the keys of a dict": (lambda: {"a": 1}, lambda one: one.keys()),
    "the values of a dict": (lambda: {"a": 1}, lambda one: one.values()),
    "a proxy of a dict": (lambda: {"a": 1}, types.MappingProxyType),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("kind", SHARED)
def test_history_of_a_view_is_right_and_going_back_repeats_it(kind, memory):
    """The other variable changes with the one that a step changes: as it ran, in the snapshot, and when run again."""
    make, derive = SHARED[kind]

    def one():
        return make()

    def other(one):
        return derive(one)

    def change(one):
        first_of(one)

    run = of_steps(one, other, change).start(state=memory)
    run.finish()
    after = texts(run.variables)
    assert after["other"] != texts(run.at(2).variables)["other"]
    assert texts(run.at(3).variables) == after
    run.goto(2)
    run.finish()
    assert texts(run.variables) == after


def test_two_frames_over_one_memory_stay_apart(memory):
    """Frames copy what they share when it is written to: a snapshot keeps each by itself."""

    def one():
        return pd.DataFrame({"x": np.arange(1000.0)})

    def other(one):
        return one[["x"]]

    run = of_steps(one, other).start(state=memory)
    run.finish()
    assert [group.names for group in run.timeline.manifest(2).groups] == [("one",), ("other",)]


def test_what_a_function_closes_over_is_rewound(memory):
    """A counter that steps call counts from where the run has gone back to."""

    def counter():
        count = 0

        def following():
            nonlocal count
            count += 1
            return count

        return following

    def first(counter):
        return counter()

    def second(counter):
        return counter()

    run = of_steps(counter, first, second).start(state=memory)
    run.finish()
    run.goto("first")
    run.finish()
    assert run["second"] == 2
    assert [run.at(position)["counter"]() for position in (1, 2, 3)] == [1, 2, 3]


def test_what_a_function_was_given_is_in_the_history_of_others(memory):
    """A step that calls a closure over a part of another variable changes that one."""

    def rows():
        return {"inner": [1]}

    def append(rows):
        inner = rows["inner"]

        def appended(value):
            inner.append(value)

        return appended

    def called(append):
        append(2)

    run = of_steps(rows, append, called).start(state=memory)
    run.finish()
    assert run.at(3)["rows"] == run["rows"] == {"inner": [1, 2]}


def test_attributes_of_a_text_are_kept(memory):
    """A text of a derived class may have attributes that a step changes."""

    class Tagged(str):  # noqa: SLOT000 - attributes are what it is about
        tags: list

    def text():
        made = Tagged("x")
        made.tags = []
        return made

    def tagged(text):
        text.tags.append("new")

    run = of_steps(text, tagged).start(state=memory)
    run.finish()
    assert (run.at(1)["text"].tags, run.at(2)["text"].tags) == ([], ["new"])


class Connection:
    """Cannot be kept, and holds what another variable holds."""

    def __init__(self, held):
        self.lock = threading.Lock()
        self.held = held


@pytest.mark.parametrize("exclude", [[], ["*token*"]])
def test_what_shares_with_an_unkeepable_variable_has_its_history(exclude, memory):
    """A step that is given a variable that is not kept may change whatever that holds."""

    def rows():
        return {"inner": [1]}

    def token(rows):
        return Connection(rows["inner"])

    def change(token):
        token.held.append(2)

    run = of_steps(rows, token, change).start(state=memory, exclude=exclude)
    run.finish()
    assert run.history[-1].changed == ("change", "rows")
    assert run.at(3)["rows"] == run["rows"] == {"inner": [1, 2]}


def test_what_no_longer_shares_by_hand_shares_no_more_in_the_next_snapshot(memory):
    """Two variables of the same content that shared an object, and of which one was given its own by hand."""
    inner = [2]
    pipeline = pf.Pipeline(
        "apart", params={"a": "any", "b": "any"}, steps=[pf.Step(list, output_var="c")] * 2
    )
    run = pipeline.start({"a": [[1], inner], "b": [[1], inner]}, state=memory)
    run.step()
    run.goto(1)
    run["b"][1] = list(run["b"][1])
    run.step()
    there = run.at(run.position).variables
    assert there["a"][1] is not there["b"][1]
    run.goto(1)
    assert run["a"][1] is run["b"][1]
