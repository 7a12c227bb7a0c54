"""Positions, labels and lines: where a run can stand, and what stays when it goes another way."""

from __future__ import annotations

import numpy as np
import pytest

import pforge_lab as pf


def test_starts_at_position_0_with_its_params_alone(run):
    assert (run.position, run.status, dict(run.variables), run.next_label) == (0, "ready", {"n": 1}, "one")


def test_every_step_adds_one_position(run):
    assert [run.step().index for _ in range(3)] == [1, 2, 3]
    assert (run.position, run.status, run.next_label) == (3, "done", None)


def test_step_n_takes_n_steps_and_returns_the_last_record(run):
    assert run.step(2).label == "two"
    assert run.position == 2


@pytest.mark.parametrize("n", [0, -1])
def test_step_takes_at_least_one(run, n):
    with pytest.raises(pf.RunError, match=r"at least 1, not .*run\.back\(\)"):
        run.step(n)


def test_step_after_the_end_says_what_to_do(run):
    run.finish()
    with pytest.raises(pf.RunError, match=r"is done; go back with run\.back\(\)"):
        run.step()


def test_back_brings_the_variables_of_that_position(run):
    run.finish()
    run.back()
    assert dict(run.variables) == {"n": 1, "one": [1], "two": [1, 2]}
    run.back(2)
    assert dict(run.variables) == {"n": 1}
    assert run.status == "ready"


def test_back_0_stays(run):
    run.step()
    run.back(0)
    assert run.position == 1


@pytest.mark.parametrize("n", [2, -1])
def test_back_beyond_the_start_names_where_it_can_go(run, n):
    run.step()
    with pytest.raises(pf.PositionError, match=r"cannot go back .* from position 1"):
        run.back(n)
    assert run.position == 1


def test_goto_takes_positions_and_labels_and_never_executes(run):
    run.finish()
    for target, position in ((0, 0), ("one", 1), (2, 2), ("three", 3), (np.int64(1), 1)):
        run.goto(target)
        assert run.position == position
    assert len(run.line_records) == 3


def test_goto_forward_again_after_going_back(run):
    run.finish()
    run.goto(0)
    run.goto(3)
    assert run["three"] == [1, 2, 3]
    assert run.status == "done"


def test_a_label_that_was_not_reached_names_finish_until(run):
    with pytest.raises(pf.PositionError, match=r"'two' was not reached yet; .*finish\(until='two'\)"):
        run.goto("two")


def test_an_unknown_label_names_near_ones(run):
    with pytest.raises(pf.PositionError, match="there is no step 'tow', did you mean 'two'"):
        run.goto("tow")


@pytest.mark.parametrize("position", [-1, 4])
def test_a_position_beyond_the_line_names_its_ends(run, position):
    run.finish()
    with pytest.raises(pf.PositionError, match="from 0 to 3"):
        run.goto(position)


@pytest.mark.parametrize("target", [1.5, None, ["one"], True])
def test_a_target_of_another_kind_is_refused_in_words(run, target):
    run.step()
    with pytest.raises(pf.UsageError, match="position or a label"):
        run.goto(target)


def test_stepping_from_an_earlier_position_starts_a_line_and_keeps_the_old_one(run):
    run.finish()
    run.goto(1)
    run.set(one=[7])
    run.step()
    assert [(line.parent, line.base, line.end) for line in run.lines] == [(None, 0, 3), (0, 1, 3)]
    assert run["two"] == [7, 2]
    run.switch(0)
    assert (run.position, run["three"]) == (3, [1, 2, 3])
    run.switch(1, 2)
    assert dict(run.variables) == {"n": 1, "one": [7]}


def test_at_the_end_of_a_line_it_grows(run):
    run.step()
    run.back(0)
    run.step()
    assert len(run.lines) == 1


def test_lines_of_lines_share_their_beginning(run):
    run.finish()
    for position in (2, 1, 0):
        run.goto(position)
        run.step()
    assert [(line.parent, line.base, line.end) for line in run.lines] == [
        (None, 0, 3),
        (0, 2, 3),
        (1, 1, 2),
        (2, 0, 1),
    ]
    run.switch(2)
    assert [record.label for record in run.history] == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "position", "message"), [(2, None, "no line 2; there are 0 to 0"), (0, 9, "position 9")]
)
def test_switching_to_what_is_not_there_names_what_is(run, line, position, message):
    with pytest.raises(pf.PositionError, match=message):
        run.switch(line, position)


def test_a_repeated_label_means_its_latest_record(memory):
    def bump(x):
        return x + 1

    step = pf.Step(bump, input={"x": "{{ x }}"}, output_var="x")
    run = pf.Pipeline("twice", params={"x": "integer"}, steps=[step, step, step]).start(
        {"x": 0}, state=memory
    )
    run.finish()
    assert [record.label for record in run.history] == ["bump", "bump#2", "bump#3"]
    run.goto("bump#2")
    assert run["x"] == 2
    run.goto("bump")
    assert run["x"] == 1


def test_a_step_labelled_edit_is_reached_whatever_was_edited_after_it(memory):
    """Edits bear the label of that step, and come after it."""

    def edit(x):
        return x + 1

    run = pf.Pipeline.from_functions("editing", edit).start({"x": 0}, state=memory)
    run.set(x=5)
    with pytest.raises(pf.PositionError, match="'edit' was not reached yet"):
        run.at("edit")
    run.step()
    run.set(edit=7)
    assert (run.at("edit").position, run.at("edit")["edit"]) == (2, 6)
    with pytest.raises(pf.PositionError, match="no step 'edit#2'"):
        run.at("edit#2")


def test_edits_are_reached_by_their_label_where_no_step_has_it(run):
    run.set(n=2)
    run.set(n=3)
    assert [run.at(target)["n"] for target in ("edit", "edit#1")] == [3, 2]


def test_passes_of_a_loop_take_a_position_each_and_are_counted_by_number(memory):
    def bump(x):
        return x + 1

    pipeline = pf.Pipeline.from_dict(
        {
            "name": "loop",
            "params": {"x": "integer"},
            "steps": [
                {
                    "tool": "bump",
                    "input": {"x": "{{ x }}"},
                    "output_var": "x",
                    "next": [{"if": "x < 3", "goto": "bump"}, {"goto": "end"}],
                }
            ],
        },
        functions={"bump": bump},
    )
    run = pipeline.start({"x": 0}, state=memory)
    run.finish()
    assert [(record.index, record.step, record.label) for record in run.history] == [
        (1, 1, "bump"),
        (2, 1, "bump"),
        (3, 1, "bump"),
    ]
    run.goto("bump#2")
    assert (run.position, run["x"]) == (2, 2)
    run.goto("bump")
    assert run.position == 3
    with pytest.raises(pf.PositionError, match="bump#4"):
        run.goto("bump#4")


def test_finish_until_stops_after_that_step(run):
    out = run.finish(until="two")
    assert (run.position, run.status) == (2, "paused")
    assert set(out.variables) == {"n", "one", "two"}


def test_finish_until_an_unknown_step_executes_nothing(run):
    with pytest.raises(pf.PositionError, match="did you mean 'three'"):
        run.finish(until="thre")
    assert run.position == 0


def test_finish_until_a_step_that_is_done_executes_nothing(run):
    run.step(2)
    run.finish(until="one")
    assert run.position == 2


def test_finish_tells_of_each_record_as_it_is_kept(run):
    seen = []
    run.finish(each=lambda record: seen.append((record.label, run.position)))
    assert seen == [("one", 1), ("two", 2), ("three", 3)]


def test_finishing_what_is_done_returns_the_same_output(run):
    first, second = run.finish(), run.finish()
    assert dict(first.variables) == dict(second.variables)
    assert run.position == 3


def test_a_pipeline_without_steps_is_done_at_once(memory):
    run = pf.Pipeline("nothing", steps=[]).start(state=memory)
    assert run.status == "done"
    assert run.finish().results == ()
