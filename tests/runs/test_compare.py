"""Two runs side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.views.html import comparison_html
from pforge_lab.views.text import comparison_text


def table(n: int):
    return pd.DataFrame({"x": np.arange(10), "y": np.arange(10) * n})


def total(table):
    return int(table["y"].sum())


def words():
    return {"b", "a", "c"}


@pytest.fixture
def pipeline():
    """Return a pipeline whose second step's result depends on the parameter."""
    return pf.Pipeline.from_functions("p", table, total, words)


@pytest.fixture
def runs(pipeline, memory):
    """Return two finished runs with different parameters."""
    found = [pipeline.start({"n": n}, state=memory) for n in (1, 2)]
    for run in found:
        run.finish()
    return found


def test_parameters_and_variables_that_differ_are_told_with_what_changed_inside(runs):
    """The cells that differ in a frame are counted; what is the same in both is not listed."""
    compared = runs[0].compare(runs[1])
    assert compared.params.to_numpy().tolist() == [["n", "changed", "1", "2"]]
    told = compared.variables.set_index("variable")
    assert sorted(told.index) == ["n", "table", "total"]
    assert "['y']: 9 of 10 cells changed, first in row 1: 1 -> 2" in told.loc["table", "after"]


def test_steps_are_paired_by_label_and_what_one_did_not_take_is_missing(runs):
    """An edit of one run stands between the steps both took."""
    first, second = runs
    second.goto("table")
    second.set(n=3)
    second.finish()
    steps = first.compare(second).steps
    assert steps["label"].tolist() == ["table", "edit", "total", "words"]
    assert steps["status_a"].tolist() == ["done", None, "done", "done"]
    assert steps["status_b"].tolist() == ["done", "edited", "done", "done"]
    assert steps["peak_a"].isna().tolist() == [False, True, False, False]


def test_a_function_that_was_another_one_is_named(runs, pipeline, memory):
    """The same label with other code says so."""

    def total(table):
        return int(table["y"].max())

    other = pf.Pipeline.from_functions("p", table, total, words).start({"n": 1}, state=memory)
    other.finish()
    steps = runs[0].compare(other).steps.set_index("label")
    assert steps["code"].to_dict() == {"table": "", "total": "differs", "words": ""}


def test_runs_of_different_stores_can_be_compared(runs, pipeline):
    """Snapshots are told apart by content, wherever they are."""
    other = pipeline.start({"n": 1}, state="memory:elsewhere")
    other.finish()
    assert runs[0].compare(other).variables.empty


def test_both_forms_tell_the_same(runs):
    """Labels, identifiers and what changed stand in the text and in the page."""
    compared = runs[0].compare(runs[1])
    text, page = comparison_text(compared), comparison_html(compared)
    for fact in (
        runs[0].id,
        runs[1].id,
        "total",
        "n",
        "9 of 10 cells changed, first in row 1",
        "Variables that differ",
    ):
        assert fact in text
        assert fact in page.replace("&gt;", ">")


def test_the_same_run_differs_in_nothing(runs):
    """The view says so instead of showing empty tables."""
    text = repr(runs[0].compare(runs[0]))
    assert "The parameters are the same" in text
    assert "No variable differs" in text


def test_diff_takes_another_run(runs):
    """From where this one stands to where the other does, or to a position of it."""
    assert runs[0].diff(runs[1]).equals(runs[0].compare(runs[1]).variables)
    assert runs[0].diff(runs[1], 0).set_index("variable")["change"]["total"] == "removed"
