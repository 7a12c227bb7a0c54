"""Runs that verify: what a step changes without naming it is in the snapshot, and told."""

from __future__ import annotations

import pytest

import pforge_lab as pf
from pforge_lab.runs.records import StepRecord

CACHE: dict[str, list] = {}


def load(n: int):
    CACHE["rows"] = [n]
    return {"rows": CACHE["rows"]}


def other(n: int):
    CACHE["rows"].append(n + 1)
    return n


def appended(load):
    load["rows"].append(0)
    return len(load["rows"])


@pytest.fixture
def pipeline():
    """Return a pipeline whose second step changes what the first has made, and does not name it."""
    return pf.Pipeline(
        "hidden",
        params={"n": "integer"},
        steps=[
            pf.Step(load, input={"n": "{{ n }}"}, output_var="load"),
            pf.Step(other, input={"n": "{{ n }}"}, output_var="other"),
        ],
    )


def test_a_change_that_no_step_names_is_kept_and_told(pipeline, memory):
    """The snapshot after the step holds the new value, and the record and one line say which step it was."""
    run = pipeline.start({"n": 1}, state=memory, verify=True)
    run.step()
    with pytest.warns(
        pf.UndeclaredChange, match=r"step 2 'other' changed load, which it does not name; .*run\.at\(1\)"
    ):
        record = run.step()
    assert record.changed == ("load", "other")
    assert record.undeclared == ("load",)
    assert run.at(1)["load"] == {"rows": [1]}
    assert run.at(2)["load"] == {"rows": [1, 2]}


def test_one_step_can_be_verified(pipeline, memory):
    run = pipeline.start({"n": 1}, state=memory)
    run.step()
    with pytest.warns(pf.UndeclaredChange, match="changed load"):
        assert run.step(verify=True).undeclared == ("load",)


def test_without_verifying_only_what_a_step_names_is_examined(pipeline, memory):
    run = pipeline.start({"n": 1}, state=memory)
    assert run.step(2).undeclared == ()
    assert run.at(2)["load"] == {"rows": [1]}


def test_verifying_is_kept_with_the_run(pipeline, tmp_path):
    """Opened again, and forked, a run goes on verifying."""
    place = str(tmp_path / "lab.fs")
    with pf.open_state(place) as state:
        run = pipeline.start({"n": 1}, state=state, verify=True)
        name = run.id
        with pytest.warns(pf.UndeclaredChange):
            assert run.fork().step(2).undeclared == ("load",)
    del run
    with pf.open_state(place) as state, pytest.warns(pf.UndeclaredChange):
        pf.open_run(name, state=state).step(2)
    with pf.open_state(place) as state:
        assert pf.open_run(name, state=state).history[-1].undeclared == ("load",)


def test_inputs_and_what_shares_objects_with_them_are_declared(memory):
    """A step may change its inputs in place; a variable that holds the same object changes with them."""

    def held(load):
        return {"again": load}

    pipeline = pf.Pipeline.from_functions("declared", load, held, appended)
    run = pipeline.start({"n": 1}, state=memory, verify=True)
    record = run.step(3)
    assert record.changed == ("appended", "held", "load")
    assert record.undeclared == ()


def test_a_change_between_steps_is_an_edit_and_blames_no_step(pipeline, memory):
    """What a global was used for between two steps is found before the next one."""
    run = pipeline.start({"n": 1}, state=memory, verify=True)
    run.step()
    rows = CACHE["rows"]
    rows.append(9)
    CACHE["rows"] = []
    record = run.step()
    assert [(record.status, record.changed) for record in run.history[1:]] == [
        ("edited", ("load",)),
        ("done", ("other",)),
    ]
    assert record.undeclared == ()


def test_leaving_loses_no_change_that_no_step_names(pipeline, memory):
    run = pipeline.start({"n": 1}, state=memory, verify=True)
    run.step()
    CACHE["rows"].append(9)
    run.back()
    assert run.line_records[-1].status == "edited"
    assert run.at(2)["load"] == {"rows": [1, 9]}


def test_records_and_tables_tell_it(pipeline, memory):
    run = pipeline.start({"n": 1}, state=memory, verify=True)
    run.step()
    with pytest.warns(pf.UndeclaredChange):
        record = run.step()
    assert StepRecord.from_json(record.to_json()) == record
    assert "Undeclared" in str(record)
    assert "changed without naming it: load" in repr(run)


def test_a_changed_pipeline_goes_on_verifying(pipeline, memory):
    run = pipeline.start({"n": 1}, state=memory, verify=True)
    run.step()
    steps = [
        pf.Step(load, input={"n": "{{ n }}"}, output_var="load"),
        pf.Step(other, input={"n": "{{ n + 1 }}"}, output_var="other"),
    ]
    new = run.fork_changed(pf.Pipeline("hidden", params={"n": "integer"}, steps=steps))
    assert new.position == 1
    new.goto(0)
    with pytest.warns(pf.UndeclaredChange):
        assert new.step(2).undeclared == ("load",)
