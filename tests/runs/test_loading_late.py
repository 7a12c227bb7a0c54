"""After a move, variables are loaded when they are looked at, or when a step needs them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.runs.chunks import PREFIX


def plain():
    return np.arange(100_000)


def small(plain):
    return [int(plain[-1])]


def both(small):
    return {"same": small}


def grown(small, both):
    small.append(len(both))
    return small[:]


@pytest.fixture
def run(place):
    run = pf.Pipeline.from_functions("late", plain, small, both, grown).start(state=place)
    run.finish()
    return run


def test_going_back_loads_nothing(run):
    """What a variable is made of may be gone: only looking at that variable tells."""
    run.goto(0)
    for key in run.state.keys(PREFIX):
        run.state.delete(key)
    run.goto("both")
    assert run["small"] == [99_999]
    with pytest.raises(pf.StateCorrupt, match="is missing"):
        run["plain"]


def test_what_was_loaded_one_by_one_is_still_one_object(run):
    run.goto(0)
    run.goto("both")
    assert run["both"]["same"] is run["small"]
    assert run["small"] is run.variables["small"]


def test_what_was_loaded_late_is_what_the_next_step_gets(run):
    run.goto("both")
    small = run["small"]
    run.step()
    assert run["small"] is small
    assert small == [99_999, 1]


def test_an_edit_of_what_was_loaded_late_is_recorded(run):
    run.goto("both")
    run["small"].append("edited")
    run.step()
    assert [record.status for record in run.history] == ["done", "done", "done", "edited", "done"]
    assert run["grown"] == [99_999, "edited", 1]
    assert run.at("both")["small"] == [99_999]


def test_variables_that_were_taken_before_a_move_stay_those_of_their_place(run):
    run.goto("both")
    taken = run.variables
    run.goto(0)
    assert (taken["small"], list(taken)) == ([99_999], ["plain", "small", "both"])
    assert taken["both"]["same"] is taken["small"]


def test_a_failed_step_gives_its_inputs_back_however_late_they_are_looked_at(place):
    def broken(small):
        small.clear()
        raise ValueError

    run = pf.Pipeline.from_functions("late", plain, small, broken).start(state=place)
    with pytest.raises(pf.StepError):
        run.finish()
    assert run["small"] == [99_999]


def test_restored_bytes_that_nobody_changed_are_no_edit(run):
    run.goto(0)
    run.goto("both")
    held = dict(run.variables)
    run.step()
    assert held["plain"][-1] == 99_999
    assert {record.status for record in run.history} == {"done"}


def test_frames_that_share_a_group_and_were_loaded_late_are_no_edit(place):
    """Their fingerprints are those of variables that are kept together."""
    frame = pd.DataFrame({"a": np.arange(100_000)})
    run = pf.Pipeline.from_functions("late", plain).start(state=place)
    run.set(frame=frame, holds={"frame": frame})
    fork = run.fork()
    held = dict(fork.variables)
    again = fork.fork()
    assert held["holds"]["frame"] is held["frame"]
    assert again.position == 1
