"""What comes back from a snapshot: fresh, independent, aliased as it was, and honest about what could not be kept."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.runs.chunks import Chunks


def pipeline_of(*functions):
    return pf.Pipeline.from_functions("test", *functions)


def nothing():
    return None


def test_restored_values_are_independent_of_the_stored_ones(place):
    def make():
        return {"frame": pd.DataFrame({"a": [1, 2]}), "array": np.arange(10_000), "list": [[1]]}

    run = pipeline_of(make, nothing).start(state=place)
    run.finish()
    run.goto("make")
    made = run["make"]
    made["frame"].loc[0, "a"] = 99
    made["array"][:] = 0
    made["list"][0].append(2)
    run.goto(0)
    run.goto("make")
    assert run["make"]["frame"].a.tolist() == [1, 2]
    assert run["make"]["array"][-1] == 9999
    assert run["make"]["list"] == [[1]]


def test_restored_arrays_can_be_written_to(place):
    def make():
        return np.arange(100_000), np.arange(3), pd.Series(range(100_000))

    run = pipeline_of(make).start(state=place)
    run.step()
    run.back()
    run.goto(1)
    for values in run["make"]:
        values[0] = 7
        assert values[0] == 7


def test_variables_that_are_one_object_are_one_after_restoring(place):
    def first():
        return [1]

    def second(first):
        return first

    def holder(first):
        return {"inside": first}

    run = pipeline_of(first, second, holder, nothing).start(state=place)
    run.finish()
    run.back()
    assert run["first"] is run["second"]
    assert run["holder"]["inside"] is run["first"]
    run.back()
    assert run["first"] is run["second"]


def test_a_change_through_one_name_shows_through_the_other_after_restoring(place):
    def first():
        return pd.DataFrame({"a": [1]})

    def second(first):
        return first

    def change(second):
        second["b"] = 2

    run = pipeline_of(first, second, change).start(state=place)
    run.finish()
    run.goto("second")
    run.step()
    assert list(run["first"]) == ["a", "b"]
    assert run.history[-1].changed == ("change", "first", "second")


def test_an_edit_through_one_name_is_seen_through_a_variable_that_holds_it(place):
    def first():
        return [1]

    def holder(first):
        return {"inside": first}

    def arrays():
        return np.zeros(10_000)

    def view(arrays):
        return arrays[10:]

    run = pipeline_of(first, holder, arrays, view, nothing).start(state=place)
    run.step(4)
    run["first"].append("mine")
    run["arrays"][20] = 5
    run.step()
    assert run.history[4].changed == ("arrays", "first", "holder", "view")
    run.goto(4)
    assert run["holder"]["inside"] == [1]
    assert run["view"].sum() == 0
    run.goto(5)
    assert run["holder"]["inside"] == [1, "mine"]
    assert run["view"][10] == 5


def test_what_a_tool_does_in_place_is_seen_through_a_variable_that_holds_it(place):
    def first():
        return [1]

    def holder(first):
        return {"inside": first}

    def other():
        return {"x": [0]}

    def change(first):
        first.append(2)

    run = pipeline_of(first, holder, other, change).start(state=place)
    run.finish()
    assert run.history[-1].changed == ("change", "first", "holder")
    run.back()
    assert run["holder"] == {"inside": [1]}


def test_frames_that_share_memory_copy_on_write_come_back_independent(place):
    def base():
        return pd.DataFrame({"a": range(5000), "b": 1.0})

    def part(base):
        return base[["a"]]

    def renamed(base):
        return base.rename(columns={"b": "c"})

    run = pipeline_of(base, part, renamed, nothing).start(state=place)
    run.finish()
    run.back()
    run["base"].loc[0, "a"] = -1
    run["renamed"].loc[1, "a"] = -2
    assert run["part"].a[:2].tolist() == [0, 1]
    assert run["base"].a[:2].tolist() == [-1, 1]
    assert run["renamed"].a[:2].tolist() == [0, -2]


def test_a_view_is_still_a_view_of_its_base(place):
    def base():
        return np.arange(10_000)

    def view(base):
        return base[::2]

    run = pipeline_of(base, view).start(state=place)
    run.finish()
    run.back()
    run.goto(2)
    assert np.shares_memory(run["base"], run["view"])


def test_at_gives_a_past_moment_that_changes_nothing(run):
    run.finish()
    moment = run.at("two")
    assert (moment.position, moment.record.label, dict(moment.variables)) == (
        2,
        "two",
        {"n": 1, "one": [1], "two": [1, 2]},
    )
    moment["two"].append("mine")
    assert run.at(2)["two"] == [1, 2]
    assert run["two"] == [1, 2]
    assert run.position == 3
    assert run.at(0).record is None


def test_at_names_what_there_is(run):
    run.step()
    with pytest.raises(pf.VariableNotFound, match=r"no variable 'oen' after 'one' .*did you mean 'one'"):
        run.at(1)["oen"]


def test_variables_are_read_only(run):
    with pytest.raises(TypeError):
        run.variables["n"] = 2
    assert run.variables.get("missing", 5) == 5
    with pytest.raises(pf.VariableNotFound, match=r"no variable 'm'.*'n'"):
        run["m"]


def test_results_come_from_the_snapshot_of_their_step(place):
    def make():
        return [1]

    def grow(make):
        make.append(2)
        return make

    run = pipeline_of(make, grow).start(state=place)
    out = run.finish()
    assert [(result.tool, result.output) for result in out.results] == [("make", [1]), ("grow", [1, 2])]
    assert out.results[0].output is not out.results[0].output


def test_a_step_without_output_var_has_its_output_in_the_results_alone(place):
    def quiet():
        return {"a": 1}

    run = pf.Pipeline("quiet", steps=[pf.Step(quiet)]).start(state=place)
    out = run.finish()
    assert out.results[0].output == {"a": 1}
    assert list(out.variables) == []


def test_results_pin_no_memory(place):
    class Big:
        pass

    alive = weakref.WeakSet()

    def make():
        big = Big()
        alive.add(big)
        return big

    def replace(make):
        return 1

    steps = [pf.Step(make, output_var="x"), pf.Step(replace, input={"make": "{{ x }}"}, output_var="x")]
    run = pf.Pipeline("pins", steps=steps).start(state=place)
    run.step()
    results = run.results
    run.step()
    gc.collect()
    assert not alive
    assert type(results[0].output).__name__ == "Big"


def test_diff_tells_added_removed_and_changed(run):
    run.finish()
    run.set(one=[1, 9], n=2)
    frame = run.diff(1, 4).set_index("variable")
    assert dict(frame.change) == {"n": "changed", "one": "changed", "two": "added", "three": "added"}
    assert frame.loc["one", "before"] == "[1]"
    assert frame.loc["two", "after"] == "[1, 2]"
    assert list(run.diff("two", "one").change) == ["removed"]


def test_diff_without_ends_is_what_the_last_record_changed(run):
    run.finish()
    assert run.diff().to_dict("records") == [
        {"variable": "three", "change": "added", "before": "", "after": "[1, 2, 3]"}
    ]
    run.goto(0)
    assert run.diff().empty


def test_diff_tells_the_number_and_the_first_of_changed_cells(place):
    def make():
        return pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": ["x", "y", "z"]})

    def change(make):
        make.loc[2, "a"] = 7.0

    run = pipeline_of(make, change).start(state=place)
    run.finish()
    row = run.diff().set_index("variable").loc["make"]
    assert row.change == "changed"
    assert "['a']: 1 of 3 cells changed, first in row 2: 3.0 -> 7.0" in row.after


def test_a_snapshot_that_claims_more_than_its_chunks_hold_is_refused_before_memory_is_taken(memory):
    """The size in a manifest is bounded by the number of its chunks."""
    chunks = Chunks(pf.open_state(memory))
    cut = chunks.put(memoryview(bytes(600_000)))
    chunks.flush()
    with pytest.raises(pf.StateCorrupt, match="cannot fill the 1,000,000,000,000 bytes"):
        chunks.get(cut.ids, 10**12)
