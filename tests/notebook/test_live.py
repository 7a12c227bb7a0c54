"""``%pforge record on``: each executed cell of a live notebook is a step of a run."""

from __future__ import annotations

import os
import sys

import pytest

import pforge_lab as pf
from pforge_lab.notebook.recording import active


@pytest.fixture
def live(cell):
    """Return the function that executes cells, in a notebook that is being recorded and has one variable."""
    cell("before = [0]")
    assert not cell("run = %pforge record on").error
    yield cell
    if active:
        cell("%pforge record off")


def state_of(shell, *names):
    return [shell.user_ns.get(name, "gone") for name in names]


def test_each_cell_is_a_step_with_its_source_memory_and_what_it_changed(live, shell):
    live("x = 1")
    live("y = x + 1\nprint(y)")
    records = shell.user_ns["run"].history
    assert [record.source for record in records] == ["x = 1", "y = x + 1\nprint(y)"]
    assert [record.changed for record in records] == [("x",), ("y",)]
    assert all(record.memory.peak > 0 for record in records)


def test_a_cell_that_raises_is_a_step_that_failed_and_what_it_changed_is_kept(live, shell):
    live("x = 1\n1 / 0")
    (record,) = shell.user_ns["run"].history
    assert (record.status, record.error, record.changed) == (
        "failed",
        "ZeroDivisionError: division by zero",
        ("x",),
    )


def test_back_gives_the_notebook_its_variables_of_then(live, shell):
    for code in ("a = [1]; b = {'list': a}", "a.append(2); c = 3", "%pforge back"):
        assert not live(code).error
    a, b, c = state_of(shell, "a", "b", "c")
    assert (a, b["list"] is a, c) == ([1], True, "gone")


def test_at_the_start_is_the_notebook_as_it_was(live, shell):
    live("before.append(1); x = 1")
    live("%pforge goto 0")
    assert state_of(shell, "before", "x") == [[0], "gone"]


def test_what_did_not_change_stays_the_object_that_it_is(live, shell):
    live("import numpy as np; big = np.arange(100_000)")
    live("x = 1")
    big = shell.user_ns["big"]
    live("%pforge back")
    assert shell.user_ns["big"] is big


def test_going_on_from_an_earlier_cell_is_a_new_line(live, shell):
    for code in ("x = 1", "x = 2", "%pforge back", "x += 10"):
        assert not live(code).error
    run = shell.user_ns["run"]
    assert (run["x"], run.position, len(run.lines)) == (11, 2, 2)


def test_a_cell_of_nothing_but_commands_is_no_step_unless_it_changes_the_notebook(live, shell):
    for code in ("x = [1]", "%pforge vars", "%pforge diff\n%pforge memory", "again = %pforge show x"):
        assert not live(code).error
    assert [record.source for record in shell.user_ns["run"].history] == ["x = [1]", "again = %pforge show x"]


def test_diff_and_variables_know_what_cells_did(live):
    live("x = 1")
    live("x = 2; y = 3")
    shown = live("%pforge diff").result
    assert shown[["variable", "change"]].values.tolist() == [["x", "changed"], ["y", "added"]]
    assert live("%pforge show x --at 1").result == 1
    assert len(live("%pforge status").result.memory) == 2


def test_a_fork_is_what_is_recorded_from_then_on(live, shell):
    for code in ("x = 1", "x = 2", "other = %pforge fork --at 1", "x += 10"):
        assert not live(code).error
    run, other = state_of(shell, "run", "other")
    assert (run.position, run["x"]) == (2, 2)
    assert (other.position, other["x"], shell.user_ns["x"]) == (2, 11, 11)


def test_set_gives_the_notebook_the_value(live, shell):
    live("x = 1")
    live("%pforge set x=5")
    assert shell.user_ns["x"] == 5


def test_what_cannot_be_kept_is_left_as_it_is_and_named(live, shell):
    live("numbers = iter([1, 2]); lines = (i for i in range(3))")
    live("x = 1")
    lines = shell.user_ns["lines"]
    assert "left as they are, because they cannot be kept: lines" in live("%pforge back").out
    assert shell.user_ns["lines"] is lines


def test_off_ends_it_and_on_goes_on_with_what_changed_meanwhile_as_an_edit(live, shell):
    for code in ("x = 1", "%pforge record off", "x = 5", "%pforge record on", "y = x"):
        assert not live(code).error
    run = shell.user_ns["run"]
    assert [(record.status, record.source) for record in run.history] == [
        ("done", "x = 1"),
        ("edited", None),
        ("done", "y = x"),
    ]
    assert state_of(shell, "x", "y") == [5, 5]


def test_on_gives_a_notebook_what_it_lacks_of_the_run_and_replaces_nothing(live, shell):
    for code in ("x = 1; y = [2]; z = y", "%pforge record off", "del y, z; x = 7", "%pforge record on"):
        assert not live(code).error
    x, y, z = state_of(shell, "x", "y", "z")
    assert (x, y, z is y) == (7, [2], True)


def test_off_without_on_says_how_to_begin(cell):
    assert cell("%pforge record off").error == [
        "UsageError: this notebook is not being recorded; begin with: %pforge record on"
    ]


def test_on_twice_says_that_it_is_on(live, shell):
    assert "is being recorded already, as run " in live("%pforge record on").out


def test_a_step_of_such_a_run_says_how_to_go_on(live):
    live("x = 1")
    error = live("%pforge step").error[0]
    assert "are cells of a notebook, which are not executed here; execute the next cell in the noteb" in error


def test_when_the_store_takes_no_more_recording_ends_with_a_word_and_the_notebook_goes_on(live, shell):
    live("x = 1")
    shell.user_ns["run"].state.close()
    assert "recording has ended: " in live("y = 2").out
    assert not live("z = y").error
    assert not active


def test_it_is_for_live_notebooks(tmp_path):
    from pforge_lab.cli.main import invoke
    from pforge_lab.cli.session import Session

    with pytest.raises(pf.UsageError, match="record is for live notebooks"):
        invoke(["record", "on"], Session(), "pforge-lab")


def test_unloading_the_extension_ends_the_recording(live, shell):
    """Cells executed afterwards are none of its steps, and no event of ours is left."""
    live("x = 1")
    run = shell.user_ns["run"]
    callbacks = {name: list(found) for name, found in shell.events.callbacks.items()}
    live("%unload_ext pforge_lab")
    live("y = 2")
    assert [record.source for record in run.history] == ["x = 1"]
    assert not active
    left = [each for found in shell.events.callbacks.values() for each in found]
    assert not [each for each in left if each.__module__.startswith("pforge_lab")]
    assert sum(map(len, callbacks.values())) > len(left)


def test_on_makes_what_cells_had_changed_around_them_and_says_so(live, shell, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLOUR", "red")
    live("import os, sys\nsys.path.append('lib'); os.environ['COLOUR'] = 'green'")
    live("%pforge record off")
    sys.path.remove("lib")
    monkeypatch.setenv("COLOUR", "red")
    said = live("%pforge record on").out
    assert "as the cells of the run had left it: sys.path has lib; set in the environment: " in said
    assert "COLOUR" in said
    assert (sys.path[-1], os.environ["COLOUR"]) == ("lib", "green")


def test_what_a_cell_writes_does_not_grow_with_the_number_of_cells(live, shell):
    """The definition stays as it is, and the file gets as much for the cells of a long notebook; its tree has a level more."""
    run = shell.user_ns["run"]
    state, key = run.state, f"pforge/run/{run.id}/definition"
    definition = state.get(key)
    sizes = [state._storage.getSize()]
    for number in range(1000, 1120):
        assert not live(f"x = {number}").error
        sizes.append(state._storage.getSize())
    assert sizes[120] - sizes[100] < 1.2 * (sizes[40] - sizes[20])
    assert state.get(key) == definition
    assert (run.head.steps_total, len(run.pipeline.steps)) == (121, 121)


def test_another_process_sees_the_steps_that_a_notebook_has_got(live, shell):
    for code in ("x = 1", "y = 2", "z = 3"):
        live(code)
    run = shell.user_ns["run"]
    with pf.open_state(run.state.url, mode="r") as state:
        assert pf.open_run(run.id, state=state).pipeline.labels == ("cell 1", "cell 2", "cell 3", "cell 4")
