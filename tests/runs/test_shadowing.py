"""A variable that is written again hides its earlier values, and they are all still there."""

from __future__ import annotations

import numpy as np
import pytest

import pforge_lab as pf

MB = 1_000_000


@pytest.fixture
def run(place):
    """Return a run that writes `x` three times, once as another type, with a param of the name first."""

    def doubled(x):
        return 2 * x

    def told(x):
        return f"it is {x}"

    x = {"input": {"x": "{{ x }}"}, "output_var": "x"}
    steps = [
        pf.Step(doubled, **x),
        pf.Step(doubled, condition="x > 100", **x),
        pf.Step(doubled, **x),
        pf.Step(told, **x),
    ]
    run = pf.Pipeline("shadow", params={"x": "integer"}, steps=steps).start({"x": 3}, state=place)
    run.finish()
    return run


def test_every_value_is_at_the_positions_where_it_held(run):
    """The param first; a step that was skipped has changed nothing."""
    assert [run.at(k).variables["x"] for k in range(5)] == [3, 6, 6, 12, "it is 12"]
    assert [record.changed for record in run.history] == [("x",), (), ("x",), ("x",)]


def test_the_difference_between_two_values_is_told(run):
    """Also across types."""
    assert run.diff(1, 3)[["variable", "before", "after"]].to_numpy().tolist() == [["x", "6", "12"]]
    assert run.diff(0, 4)["variable"].tolist() == ["x"]


def test_going_back_brings_the_value_of_that_position(run):
    """And the steps that follow read it."""
    run.goto(1)
    assert run["x"] == 6
    run.set(x=200)
    run.finish()
    assert run["x"] == "it is 800"
    assert [run.at(k).variables["x"] for k in range(3)] == [3, 6, 200]


def test_the_bytes_of_each_variable_and_of_all_are_told(memory):
    """What two variables share is counted once in the total."""

    def array():
        return np.zeros(MB)

    def part(array):
        return array[: MB // 2]

    run = pf.Pipeline.from_functions("sizes", array, part).start(state=memory)
    run.finish()
    last = run.variable_sizes[run.variable_sizes["index"] == 2].set_index("variable")
    assert last.reach["array"] >= 8 * MB
    assert last.reach["part"] >= 8 * MB
    assert 8 * MB <= last.bytes.sum() < 9 * MB


def test_the_books_measure_is_the_length_of_names_and_json(memory):
    """`size_bytes` is what pforge counts: ``numbers`` and ``[1, 2, 3]``, ``n`` and ``3``."""

    def numbers(n):
        return [*range(1, n + 1)]

    run = pf.Pipeline.from_functions("sizes", numbers).start({"n": 3}, state=memory)
    run.finish()
    assert run.size_bytes() == len("n" + "3") + len("numbers" + "[1,2,3]")
