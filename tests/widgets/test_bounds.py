"""What a stepper is sent of long runs and of many variables: as much as shows, whatever there is."""

from __future__ import annotations

import json
import time

import pytest

import pforge_lab as pf
from pforge_lab.views.overview import variable_rows
from pforge_lab.widgets import model

STEPS, VARIABLES = 2_000, 500
MOST_OF_A_MOVE = 30_000  # bytes
MOST_OF_A_PAGE = 30_000


def step(**values):
    return len(values)


def many(count):
    return {f"variable_{place:03}": place for place in range(count)}


@pytest.fixture(scope="module")
def long_run():
    """Return a run of so many steps that stands somewhere in the middle, some of it stepped back over."""
    steps = [
        pf.Step(step, label=f"the step number {place}", output_var=f"v{place % 20}") for place in range(STEPS)
    ]
    run = pf.Pipeline("long", steps=steps, max_steps=STEPS).start(state="memory:")
    run.step(1_200)
    run.goto(1_000)
    return run


@pytest.fixture(scope="module")
def wide_run():
    """Return a run with so many variables."""
    pipeline = pf.Pipeline(
        "wide", params=dict.fromkeys(many(VARIABLES), "integer"), steps=[pf.Step(step, output_var="n")]
    )
    run = pipeline.start(many(VARIABLES), state="memory:")
    run.step()
    return run


def size(data):
    return len(json.dumps(data).encode())


def test_a_move_of_two_thousand_steps_sends_those_around_where_the_run_stands(long_run):
    began = time.perf_counter()
    view = model.view_of(long_run)
    seconds = time.perf_counter() - began
    print(f"view of {STEPS} steps: {size(view):,} bytes, {1000 * seconds:.1f} ms")
    assert size(view) < MOST_OF_A_MOVE
    assert (view["length"], view["start"], len(view["steps"])) == (STEPS, 950, model.MOST_SENT)
    assert (view["position"], view["here"], view["end"]) == (1_000, "the step number 999", 1_200)


def test_rows_have_the_place_of_their_position_wherever_a_page_begins(long_run):
    for start in (0, 960, 1_150):
        rows = model.steps_at(long_run, start)["steps"]
        assert [row["at"] for row in rows] == [
            place + 1 if place < 1_200 else None for place in range(start, start + 100)
        ]
    assert [row["status"] for row in model.steps_at(long_run, 1_199, 2)["steps"]] == ["done", "pending"]


def test_pages_of_steps_are_the_whole_list_with_one_scale(long_run):
    rows = [row for start in range(0, STEPS, 100) for row in model.steps_at(long_run, start)["steps"]]
    assert [row["label"] for row in rows] == list(long_run.pipeline.labels)
    assert max(row["peak"] for row in rows) == 1


def test_a_page_beyond_the_end_is_empty(long_run):
    assert model.steps_at(long_run, STEPS + 10)["steps"] == []


def test_no_page_has_more_than_five_hundred_rows(long_run):
    assert len(model.steps_at(long_run, 0, STEPS)["steps"]) == 500


def test_the_step_under_way_is_marked_in_whatever_page_it_is(long_run):
    label = long_run.pipeline.labels[1_000]
    running = [
        row["label"]
        for row in model.steps_at(long_run, 990, under_way=label)["steps"]
        if row["status"] == "running"
    ]
    assert running == [label]
    assert all(row["status"] != "running" for row in model.steps_at(long_run, 0, under_way=label)["steps"])


def test_of_five_hundred_variables_those_that_show_are_sent(wide_run):
    began = time.perf_counter()
    page = model.variables_page(wide_run, {"at": 1, "start": 0, "count": 100})
    seconds = time.perf_counter() - began
    print(f"page of {VARIABLES} variables: {size(page):,} bytes, {1000 * seconds:.1f} ms")
    assert size(page) < MOST_OF_A_PAGE
    assert (page["total"], page["start"], len(page["rows"])) == (VARIABLES + 1, 0, 100)


def test_the_variable_that_is_to_stay_chosen_is_in_the_page(wide_run):
    page = model.variables_page(wide_run, {"at": 1, "start": 0, "count": 100, "kept": "variable_300"})
    assert page["rows"][page["at"] - page["start"]]["name"] == "variable_300"


def test_pages_of_variables_are_the_whole_list(wide_run):
    pages = [
        model.variables_page(wide_run, {"at": 1, "start": start, "count": 100})
        for start in range(0, VARIABLES + 1, 100)
    ]
    listed = [row["name"] for page in pages for row in page["rows"]]
    assert listed == [row.name for row in variable_rows(wide_run, 1)]


def test_what_is_looked_at_brings_no_style_that_the_widget_has_already(wide_run):
    looks = (
        model.preview_at(wide_run, 1, "variable_300")["html"],
        model.diff_at(wide_run, 0, 1),
        model.record_at(wide_run, 1),
    )
    assert all("<style" not in html and "pforge-view" in html for html in looks)
