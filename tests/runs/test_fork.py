"""Forks, checkpoints and carried variables: other runs that begin where one stands."""

from __future__ import annotations

import pickle

import pytest

import pforge_lab as pf


def test_a_fork_has_its_own_id_and_the_history_up_to_there(run):
    run.finish()
    fork = run.fork(at="two")
    assert fork.id != run.id
    assert (fork.position, fork.status) == (2, "paused")
    assert [record.label for record in fork.history] == ["one", "two"]
    assert dict(fork.variables) == {"n": 1, "one": [1], "two": [1, 2]}
    assert fork.params == run.params


def test_a_fork_leaves_its_parent_untouched(run):
    run.finish()
    fork = run.fork(at=1, set={"one": [7]})
    fork.finish()
    assert fork["three"] == [7, 2, 3]
    assert (run.position, run["three"], len(run.lines)) == (3, [1, 2, 3], 1)
    assert [record.status for record in fork.history] == ["done", "edited", "done", "done"]


def test_objects_of_a_fork_are_its_own(run):
    run.step()
    fork = run.fork()
    fork["one"].append("mine")
    assert run["one"] == [1]
    run["one"].append("yours")
    assert fork["one"] == [1, "mine"]


def test_a_fork_can_be_forked_and_opened(run):
    run.finish()
    again = run.fork(at=2).fork(at=1)
    assert again.position == 1
    opened = pf.open_run(again.id, state=run.state)
    assert opened is again


def test_a_fork_of_a_later_line_has_the_records_of_its_path(run):
    run.finish()
    run.goto(1)
    run.set(one=[7])
    run.step()
    fork = run.fork()
    assert [record.status for record in fork.history] == ["done", "edited", "done"]
    assert fork.at(1)["one"] == [1]
    assert fork.finish().variables["three"] == [7, 2, 3]


def test_a_fork_shares_chunks_with_its_parent(run, memory):
    import numpy as np

    run.set(big=np.arange(1_000_000))
    chunks = len(run.state.keys("pforge/chunk/"))
    fork = run.fork()
    fork.finish()
    assert len(run.state.keys("pforge/chunk/")) <= chunks + 3


def test_forking_where_nothing_is_names_what_is(run):
    with pytest.raises(pf.PositionError, match=r"finish\(until='two'\)"):
        run.fork(at="two")


def test_a_checkpoint_is_small_and_comes_back_to_its_line_and_position(run, numbers):
    run.finish()
    run.back()
    point = pickle.loads(pickle.dumps(run.checkpoint()))
    run.set(two=["other"])
    run.finish()
    resumed = numbers.resume(point)
    assert resumed is run
    assert (run.position, run["two"]) == (2, [1, 2])


def test_a_run_carries_its_final_variables_to_the_next(place):
    def add(total: int, n: int):
        return total + n

    pipeline = pf.Pipeline(
        "sum",
        params={"n": "integer", "total": {"type": "integer", "default": 0}},
        steps=[pf.Step(add, input={"total": "{{ total }}", "n": "{{ n }}"}, output_var="total")],
    )
    state = pf.open_state(place)
    try:
        assert pipeline.run({"n": 1}, state=state, carry="sum").variables["total"] == 1
        assert pipeline.run({"n": 2}, state=state, carry="sum").variables["total"] == 3
        assert pipeline.run({"n": 2}, state=state).variables["total"] == 2
        assert pipeline.run({"n": 1, "total": 10}, state=state, carry="sum").variables["total"] == 11
    finally:
        state.close()


def test_only_a_run_that_is_done_carries(memory):
    def add(total: int):
        return total + 1

    def stop(total):
        raise ValueError

    params = {"total": {"type": "integer", "default": 0}}
    steps = [
        pf.Step(add, input={"total": "{{ total }}"}, output_var="total"),
        pf.Step(stop, input={"total": "{{ total }}"}),
    ]
    for _ in range(2):
        run = pf.Pipeline("sum", params=params, steps=steps).start(state=memory, carry="sum")
        run.step()
        assert run["total"] == 1
        with pytest.raises(pf.StepError):
            run.step()


def test_a_fork_has_what_was_just_changed_in_place(run):
    run.step()
    run["one"].append("mine")
    assert run.fork()["one"] == [1, "mine"]


def test_going_back_loses_no_change_made_in_place(run):
    run.step()
    run["one"].append("mine")
    run.back(1)
    assert any(run.at(position)["one"] == [1, "mine"] for position in range(1, run.lines[0].end + 1))


def test_a_fork_whose_values_are_refused_leaves_no_run_behind(run):
    """A fork that cannot be given a value is no fork at all; the run it was made from stays as it is."""
    run.finish()
    before = list(pf.runs(state=run.state).index)
    with pytest.raises(pf.PforgeError):
        run.fork(at=1, set={"not a name": 1})
    assert list(pf.runs(state=run.state).index) == before
    assert run.position == 3


def test_going_back_in_a_run_that_was_deleted_says_so(run):
    """A deleted run is no damaged one."""
    run.finish()
    pf.delete_run(run.id, state=run.state)
    with pytest.raises(pf.RunNotFound, match="was deleted"):
        run.goto(1)
