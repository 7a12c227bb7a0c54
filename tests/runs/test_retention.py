"""Snapshots that go and stay by the rule of a run, and variables that are never kept."""

from __future__ import annotations

import numpy as np
import pytest

import pforge_lab as pf
from pforge_lab.runs.chunks import PREFIX as CHUNKS

STEPS = 6


def add(x):
    return x + 1


@pytest.fixture
def state(place):
    with pf.open_state(place) as opened:
        yield opened


def steps(number=STEPS, fail=()):
    def broken(x):
        raise ValueError("no")

    made = [
        pf.Step(broken if n in fail else add, input={"x": "{{ x }}"}, output_var="x", label=f"s{n}")
        for n in range(1, number + 1)
    ]
    return pf.Pipeline("p", params={"x": "any"}, steps=made)


def start(state, keep, **options):
    return steps(**options).start({"x": np.zeros(5000)}, state=state, keep=keep)


def can_go(run):
    """Return the positions that can be gone to, each of which has the right value."""
    there = []
    for position in range(run.lines[run.head.lines.number].end + 1):
        try:
            run.goto(position)
        except pf.PositionError:
            continue
        there.append(position)
        assert run["x"][0] == position
    return there


def test_all_stay_without_a_rule(state):
    run = start(state, "all")
    run.finish()
    assert can_go(run) == list(range(STEPS + 1))


def test_the_last_ones_stay_as_the_run_goes_on(state):
    run = start(state, 3)
    run.step(4)
    assert can_go(run) == [0, 2, 3, 4]
    run.finish()
    assert can_go(run) == [0, 4, 5, 6]
    assert len(run.records) == STEPS


def test_the_rule_holds_in_another_process_too(state):
    """Every process reads it with the run: here the run is opened anew."""
    run = start(state, 2)
    run.step(3)
    name = run.id
    from pforge_lab.runs import api

    api.forget(run)
    again = pf.open_run(name, state=state)
    assert again is not run
    again.finish()
    assert can_go(again) == [0, 5, 6]


def test_a_position_that_has_gone_names_those_that_are_left(state):
    run = start(state, 2)
    run.finish()
    for go in (lambda: run.goto(2), lambda: run.back(3), lambda: run.fork(at="s3"), lambda: run.switch(0, 1)):
        with pytest.raises(
            pf.PositionError,
            match="the snapshot at position [123] was removed, as the run keeps the last 2; "
            "positions that can be gone to: 0, 5, 6",
        ):
            go()
    assert (run.position, run.status) == (6, "done")


def test_looking_at_what_has_gone_says_so(state):
    run = start(state, 2)
    run.finish()
    assert "float64" in repr(run.at(2)) or "ndarray" in repr(run.at(2))
    with pytest.raises(pf.NotKept, match="its snapshot was removed, as the run keeps the last 2"):
        run.at(2)["x"]
    assert run.diff(1, 2).empty or "not kept" in run.diff(2, 5).to_string()


def test_the_disk_gets_the_space_back_when_the_run_ends(state):
    run = start(state, 1)
    run.finish()
    assert len(state.keys(CHUNKS)) == len(run.at(0).manifest.chunk_ids() | run.at(6).manifest.chunk_ids())


def test_records_only_leaves_the_start_and_the_records(state):
    run = start(state, "records")
    output = run.finish()
    assert output.variables["x"][0] == 6  # this process has it still
    assert len(run.records) == STEPS
    assert set(state.keys(CHUNKS)) == {CHUNKS + name for name in run.at(0).manifest.chunk_ids()}
    with pytest.raises(pf.PositionError, match="keeps records only; positions that can be gone to: 0"):
        run.goto(3)
    with pytest.raises(pf.PositionError):
        run.set(x=1)
    from pforge_lab.runs import api

    api.forget(run)
    again = pf.open_run(run.id, state=state)
    assert "✓ done" in repr(again)
    with pytest.raises(pf.NotKept, match="run step 's6' again"):
        again["x"]
    again.goto(0)
    assert again.finish().variables["x"][0] == 6


def test_a_run_done_again_after_records_only_is_right(state):
    """What was live when its snapshot went must not be taken for kept."""
    run = start(state, "records")
    run.finish()
    run.goto(0)
    run.set(x=np.full(5000, 1.0))
    run.step(3)
    assert run["x"][0] == 4
    run.goto(run.position)
    assert run.at(run.position)["x"][0] == 4
    fork = run.fork()
    fork.finish()
    assert [record.status for record in fork.history] == ["edited"] + ["done"] * 6


def test_a_rule_for_done_and_one_for_failed_runs(state):
    rule = {"done": "records", "failed": 2}
    good = start(state, rule)
    good.step(4)
    assert can_go(good) == [0, 1, 2, 3, 4]
    good.finish()
    assert good.head.kept == ((0, 0),)
    bad = start(state, rule, fail=(4,))
    with pytest.raises(pf.StepError):
        bad.finish()
    assert bad.status == "failed"
    assert bad.head.kept == ((0, 0), (0, 2), (0, 3))
    with pytest.raises(pf.StepError):
        bad.step()
    assert can_go(bad) == [0, 2, 3]


def test_a_failed_run_keeps_what_it_goes_on_from(state):
    run = start(state, {"failed": "records"}, fail=(3,))
    with pytest.raises(pf.StepError):
        run.finish()
    run.set(x=np.full(5000, 9.0))
    assert run.at(3)["x"][0] == 9


def test_other_lines_go_with_the_next_step(state):
    run = start(state, 3)
    run.finish()
    run.goto(4)
    run.set(x=np.full(5000, 4.5))
    assert run.head.kept == ((0, 0), (0, 4), (1, 5)) or (0, 3) not in run.head.kept
    with pytest.raises(pf.PositionError, match="was removed"):
        run.switch(0, 6)
    run.finish()
    assert run["x"][0] == 6.5


def test_a_fork_has_what_is_left(state):
    run = start(state, 3)
    run.finish()
    fork = run.fork(at=5)
    assert can_go(fork) == [0, 4, 5]
    fork.goto(5)
    fork.finish()
    assert can_go(fork) == [0, 4, 5, 6]


def test_carried_variables_stay_beside_records_only(state):
    run = steps().start({"x": np.zeros(5000)}, state=state, keep="records", carry="on")
    run.finish()
    again = steps().start(state=state, carry="on")
    assert again["x"][0] == 6


def test_an_exported_run_keeps_its_rule(state, tmp_path):
    run = start(state, 2)
    run.step(4)
    copy = pf.import_run(pf.export_run(run, tmp_path / "run.pfz"), "memory:retention-import")
    assert can_go(copy) == [0, 3, 4]
    copy.finish()
    assert can_go(copy) == [0, 5, 6]
    pf.delete_run(copy.id, state=copy.state)


@pytest.mark.parametrize("keep", [0, -1, True, 2.5, "some", None, {"done": 0}, {"paused": 3}, [3]])
def test_rules_that_are_none_are_refused(state, keep):
    with pytest.raises(pf.UsageError, match="^keep (is 'all', a number from 1 on|has rules for 'done')"):
        start(state, keep)


# -- variables that are never kept


def login(token: str, x):
    assert token == "s3cret"
    return {"session": 1}


def use(token, login):
    return token == "s3cret" and login["session"] == 1


def secretive(state, **options):
    pipeline = pf.Pipeline.from_functions("p", login, use)
    return pipeline.start({"token": "s3cret", "x": 1}, state=state, exclude=["*token*"], **options)


def test_what_is_excluded_is_nowhere_in_the_store(state):
    run = secretive(state)
    run.finish()
    assert run["token"] == "s3cret"
    assert run["use"] is True
    assert not any(b"s3cret" in (state.get(key) or b"") for key in state.keys(""))
    assert "s3cret" not in repr(run) + run._repr_html_() + repr(run.variables) + repr(run.at(1))
    assert "s3cret" not in str([record.to_json() for record in run.history])
    assert run.head.params["token"] == "(excluded)"


def test_what_is_excluded_says_so(state):
    run = secretive(state)
    run.step()
    assert run.at(1).manifest.not_kept == {"token": "excluded by '*token*'"}
    with pytest.raises(
        pf.NotKept, match="excluded by '\\*token\\*'\\); give it again with run.set\\(token=...\\)"
    ):
        run.at(1)["token"]
    assert "excluded by" in repr(run)


def test_what_is_excluded_is_not_rewound(state):
    run = secretive(state)
    run.finish()
    run.goto(0)
    assert run["token"] == "s3cret"
    assert run.finish().variables["use"] is True


def test_another_process_gives_it_again(state):
    run = secretive(state)
    run.step()
    from pforge_lab.runs import api

    api.forget(run)
    again = pf.open_run(run.id, state=state)
    with pytest.raises(pf.StepError, match="not kept"):
        again.step()
    again.set(token="s3cret")
    assert again.finish().variables["use"] is True
    assert "excluded by" in repr(again.at(1))
    assert not any(b"s3cret" in (state.get(key) or b"") for key in state.keys(""))


@pytest.mark.parametrize("exclude", ["*token*", [1]])
def test_exclusions_that_are_none_are_refused(state, exclude):
    with pytest.raises(pf.UsageError, match="exclude is a list of patterns such as"):
        secretive(state).pipeline.start({"token": "a", "x": 1}, state=state, exclude=exclude)
