"""From which cell an execution that broke off goes on, why cells are executed again, what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest

import pforge_lab as pf
from pforge_lab.runs.cells import TOOL, Cell, adopt_cells, start_cells, unfinished
from pforge_lab.runs.namespace import NamespaceRecorder
from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.resumption import plan_resumption

GENERATOR = "numbers = (i for i in range(3))"
NOTEBOOK = {"input": "in.ipynb", "output": "out.ipynb"}


_numbers = count()


@pytest.fixture
def state():
    """Return a store of its own."""
    with pf.open_state(f"memory:resumption-{next(_numbers)}") as opened:
        yield opened


@pytest.fixture
def broken(state):
    """Return a function that executes cells, the last of which fails, and returns the run."""

    def execute(*sources, keep="all", keeps=True):
        cells = [Cell(source) for source in sources]
        run = start_cells("night", cells, state=state, notebook=NOTEBOOK, keep=keep, keeps=keeps)
        namespace = {}
        recorder = NamespaceRecorder(run, namespace, snapshots=keeps)
        recorder.begin()
        for place, source in enumerate(sources, 1):
            status = "done" if place < len(sources) else "failed"
            if status == "done":
                exec(source, namespace)
            record = StepRecord(
                0, place, f"cell {place}", TOOL, status, datetime.now(UTC), 0.1, source=source
            )
            (recorder.keep if status == "done" else recorder.fail)(record)
        return run

    return execute


def plan(run, *sources, parameters=None):
    """Return where cells go on, of which one may have been made of parameters."""
    cells = [Cell(source, sets_parameters=place == parameters) for place, source in enumerate(sources, 1)]
    return plan_resumption(run, cells)


def test_cells_that_completed_as_they_are_now_are_not_executed_again(broken):
    found = plan(broken("x = 1", "y = 2", "1 / 0"), "x = 1", "y = 2", "y = 3")
    assert (found.position, len(found.done), found.reasons) == (2, 2, {})


def test_a_changed_cell_and_those_after_it_are_executed_again(broken):
    found = plan(broken("x = 1", "y = 2", "z = 3", "1 / 0"), "x = 1", "y = 9", "z = 3", "1")
    assert (found.position, len(found.done)) == (1, 1)
    assert found.reasons == {2: "its code has changed", 3: "it comes after cell 2"}


def test_a_changed_parameter_is_a_reason_of_its_own(broken):
    found = plan(broken("month = 1", "1 / 0"), "month = 2", "1", parameters=1)
    assert found.reasons == {1: "a parameter has changed"}


def test_parameters_that_are_not_given_any_more_have_changed(broken):
    """The cell that papermill made of them is gone then; what is executed in its place is no other code."""
    found = plan(broken("month = 1", "# Parameters\nmonth = 2\n", "1 / 0"), "month = 1", "1")
    assert found.reasons == {2: "a parameter has changed"}


def test_a_cell_that_is_gone_is_a_reason_of_its_own(broken):
    assert plan(broken("x = 1", "y = 2", "1 / 0"), "x = 1").reasons == {2: "it is gone"}


def test_a_new_cell_is_executed_with_all_after_it(broken):
    found = plan(broken("x = 1", "y = 2", "1 / 0"), "x = 1", "new = 1", "y = 2", "1")
    assert (found.position, sorted(found.reasons)) == (1, [2])


def test_where_snapshots_were_removed_cells_before_the_change_are_executed_again_too(broken):
    found = plan(broken("x = 1", "y = 2", "1 / 0", keep={"failed": 1}), "x = 1", "y = 9", "1")
    assert (found.position, found.done) == (0, ())
    assert found.reasons[1].startswith("the snapshot after it was removed, as the run keeps")
    assert found.reasons[2] == "its code has changed"


def test_a_run_without_variables_is_executed_whole(broken):
    found = plan(broken("x = 1", "1 / 0", keeps=False), "x = 1", "1")
    assert (found.keeps, found.done, found.reasons) == (False, (), {1: "the run kept no variables"})


def test_an_edit_between_is_gone_on_from(broken):
    run = broken("x = 1", "1 / 0")
    run.set(x=42)
    found = plan(run, "x = 1", "print(x)")
    assert (found.position, len(found.done)) == (2, 1)


def test_what_is_left_reads_and_was_not_kept_is_missing_with_the_cell_that_made_it(broken):
    found = plan(broken("x = 1", GENERATOR, "1 / 0"), "x = 1", GENERATOR, "next(numbers)")
    assert found.missing["numbers"].startswith("made by cell 2: ")


def test_what_functions_of_completed_cells_read_is_missing_when_they_are_used(broken):
    define = "def following(): return next(numbers)"
    run = broken(GENERATOR, define, "1 / 0")
    assert "numbers" in plan(run, GENERATOR, define, "following()").missing
    assert plan(run, GENERATOR, define, "1").missing == {}


def test_what_is_not_read_any_more_is_not_missing(broken):
    found = plan(broken(GENERATOR, "1 / 0"), GENERATOR, "def f(numbers): return numbers\nf(1)")
    assert (found.missing, found.doubtful) == ({}, ())


def test_what_may_be_read_unnamed_is_doubtful(broken):
    assert plan(broken(GENERATOR, "1 / 0"), GENERATOR, "eval('1')").doubtful == ("numbers",)


def test_the_latest_run_of_a_notebook_is_unfinished_until_it_is_done(state, broken):
    assert unfinished(state, NOTEBOOK) is None
    run = broken("x = 1", "1 / 0")
    assert unfinished(state, NOTEBOOK).id == run.id
    assert unfinished(state, NOTEBOOK | {"output": "other.ipynb"}) is None


def test_a_fork_is_gone_on_with_only_when_it_is_named(state, broken):
    run = broken("x = 1", "1 / 0")
    run.fork()
    assert unfinished(state, NOTEBOOK).id == run.id


def test_a_changed_notebook_is_adopted_at_once_or_not_at_all(broken):
    run = broken("x = 1", "1 / 0")
    adopt_cells(run, "night", [Cell("x = 1"), Cell("y = 2"), Cell("z = 3")])
    again = pf.open_run(run.id, state=run.state)
    assert (again.pipeline.labels, again.head.steps_total) == (("cell 1", "cell 2", "cell 3"), 3)
