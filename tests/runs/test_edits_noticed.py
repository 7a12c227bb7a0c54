"""Edits: what was changed between steps is recorded, and blames nobody falsely."""

from __future__ import annotations

import pandas as pd
import pytest

import pforge_lab as pf


def pipeline_of(*functions, **options):
    return pf.Pipeline.from_functions("test", *functions, **options)


def test_changed_names_what_a_tool_did_in_place(memory):
    def make():
        return [1]

    def grow(make):
        make.append(2)

    run = pipeline_of(make, grow).start(state=memory)
    run.finish()
    assert run.history[1].changed == ("grow", "make")


def test_set_is_an_edit_and_blames_the_user(run):
    run.step()
    record = run.set(one=[5], extra="new")
    assert (record.status, record.step, record.index, record.attempts) == ("edited", None, 2, 0)
    assert record.changed == ("extra", "one")
    assert run.step().changed == ("two",)
    assert run["two"] == [5, 2]


def test_set_takes_at_least_one_value(run):
    with pytest.raises(pf.RunError, match="at least one"):
        run.set()


def test_an_edit_of_a_handed_out_object_is_recorded_before_the_next_step(run):
    run.step()
    run["one"].append("mine")
    run.step()
    assert [(record.label, record.status, record.changed) for record in run.history] == [
        ("one", "done", ("one",)),
        ("edit", "edited", ("one",)),
        ("two", "done", ("two",)),
    ]
    assert run["two"] == [1, "mine", 2]
    run.goto("one")
    assert run["one"] == [1]


def test_an_edit_through_a_name_that_is_gone_is_recorded_before_the_next_step(memory):
    def make():
        return pd.DataFrame({"delay": [1.0, 2.0]})

    def total(make):
        return make["delay"].sum()

    run = pf.Pipeline.from_functions("sums", make, total).start(state=memory)
    run.step()
    run["make"]["delay"] = 0.0  # nobody but the run holds the frame afterwards
    run.step()
    assert list(run.records["status"]) == ["done", "edited", "done"]
    assert run.at(1)["make"]["delay"].sum() == 3.0


def test_an_edit_of_an_input_that_the_user_passed_is_recorded(memory):
    def use(given):
        return len(given)

    mine = [1]
    run = pipeline_of(use).start({"given": mine}, state=memory)
    mine.append(2)
    run.step()
    assert [record.status for record in run.history] == ["edited", "done"]
    assert run["use"] == 2
    run.goto(0)
    assert run["given"] == [1]


def test_an_edit_of_a_value_that_the_user_set_is_recorded(run):
    mine = [5]
    run.step()
    run.set(one=mine)
    mine.append(6)
    run.step()
    assert [record.status for record in run.history] == ["done", "edited", "edited", "done"]


def nested():
    return {"list": [1]}


def holding(nested):
    return {"held": nested}


def renewed():
    return 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_edit_of_what_has_lost_its_name_is_one_of_the_variable_that_holds_it(when, memory):
    """Whether the object was handed out before another variable held it or after."""
    run = pf.Pipeline(
        "lost",
        steps=[
            pf.Step(nested, output_var="nested"),
            pf.Step(holding, input={"nested": "{{ nested }}"}, output_var="holding"),
            pf.Step(renewed, output_var="nested"),
            pf.Step(renewed, output_var="other"),
        ],
    ).start(state=memory)
    run.step()
    if when == "before":
        mine = run["nested"]
    run.step()
    if when == "after":
        mine = run["nested"]
    run.step()
    mine["list"].append(2)
    run.step()
    assert [(record.status, record.changed) for record in run.history[3:]] == [
        ("edited", ("holding",)),
        ("done", ("other",)),
    ]
    assert run.at(3)["holding"] == {"held": {"list": [1]}}
    assert run.at(4)["holding"] == {"held": {"list": [1, 2]}}


def test_an_edit_of_what_was_put_elsewhere_by_the_step_that_took_its_name_is_recorded(memory):
    """Parts of one step: one makes a variable that holds the object, another gives its name to something else."""
    run = pf.Pipeline(
        "moved",
        steps=[
            pf.Step(nested, output_var="nested"),
            pf.Parallel(
                label="both",
                parallel=(
                    pf.Step(holding, input={"nested": "{{ nested }}"}, output_var="holding"),
                    pf.Step(renewed, output_var="nested"),
                ),
            ),
            pf.Step(renewed, output_var="other"),
        ],
    ).start(state=memory)
    run.step()
    mine = run["nested"]
    run.step()
    mine["list"].append(2)
    run.step()
    assert [(record.status, record.changed) for record in run.history[2:]] == [
        ("edited", ("holding",)),
        ("done", ("other",)),
    ]


def test_an_object_that_a_tool_keeps_is_examined_too(memory):
    """A tool that returns what a global of the notebook refers to hands it to the user."""
    frame = pd.DataFrame({"a": [1, 2, 3]})

    def load():
        return frame

    def use(load):
        return int(load.a.sum())

    run = pipeline_of(load, use).start(state=memory)
    run.step()
    frame.loc[0, "a"] = 99
    run.step()
    assert [record.status for record in run.history] == ["done", "edited", "done"]
    frame.loc[0, "a"] = -1
    run.back(2)
    assert run["load"].a.tolist() == [1, 2, 3]


def test_looking_changes_nothing(memory):
    """Neither before nor after going back does looking at a variable make an edit."""

    def make():
        frame = pd.DataFrame({"a": range(2000), "s": [f"x{i}" for i in range(2000)]})
        return frame.assign(b=1.5, t=pd.Timestamp("2026-01-01", tz="Europe/Berlin"))

    def use(make):
        return len(make)

    def more(make):
        return make.a.sum()

    run = pipeline_of(make, use, more).start(state=memory)
    run.step()
    for _ in range(2):
        frame = run["make"]
        repr(frame), frame.describe(), frame.to_numpy(), frame.groupby("s").a.sum(), repr(run)
        run.step()
        run.back()
        run.goto("make")
    repr(run["make"])
    run.finish()
    assert [(record.status, record.changed) for record in run.history] == [
        ("done", ("make",)),
        ("done", ("use",)),
        ("done", ("more",)),
    ]
