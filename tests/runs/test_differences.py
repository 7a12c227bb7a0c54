"""Manifests are written as what differs from the one before, and read back as they were."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

import pforge_lab as pf
from pforge_lab.runs.differences import MOST, Difference
from pforge_lab.runs.encoding import decoded
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.manifest import EMPTY
from pforge_lab.runs.snapshots import Snapshots

LENGTH = 3 * MOST


def after(x):
    """Return one more."""
    return x + 1


@pytest.fixture
def run(place):
    """Return a finished run that each of its steps added a variable to."""
    steps = [pf.Step(after, input={"x": f"{{{{ x{n} }}}}"}, output_var=f"x{n + 1}") for n in range(LENGTH)]
    with pf.open_state(place) as state:
        run = pf.Pipeline("chain", params={"x0": "integer"}, steps=steps).start({"x0": 1000}, state=state)
        run.finish()
        yield run


def texts(run):
    """Return what is written of each snapshot, by position."""
    keys = [key for key in run.state.keys(f"pforge/run/{run.id}/00000000/") if key.endswith("/manifest")]
    return list(run.state.get_many(keys).values())


def test_what_a_snapshot_takes_does_not_grow_with_the_variables(run):
    differences = [len(text) for text in texts(run) if "since" in decoded(text)]
    assert len(differences) > LENGTH * 0.9
    assert max(differences) < 1.2 * min(differences)


def test_now_and_then_one_is_written_in_full(run):
    whole = [position for position, text in enumerate(texts(run)) if "since" not in decoded(text)]
    assert {after - before for before, after in pairwise(whole)} == {MOST + 1}


def test_every_position_is_read_as_it_was(run):
    fresh = Journal(run.state, run.id)
    for position in range(LENGTH + 1):
        assert fresh.manifest(0, position).names == [f"x{n}" for n in range(position + 1)]
        assert dict(run.at(position).variables) == {f"x{n}": 1000 + n for n in range(position + 1)}


def test_one_that_is_remembered_is_the_one_in_the_store(run):
    """As what it is read from would tell in another process, each time."""
    ours, fresh = Journal(run.state, run.id), Journal(run.state, run.id)
    for position in (LENGTH, LENGTH - 1, LENGTH - 3, LENGTH - 1, 1, LENGTH - 2):
        assert ours.manifest(0, position) == Journal(run.state, run.id).manifest(0, position)
    known = run.state.get(fresh.key(0, LENGTH - 1, "manifest"))
    fresh.manifest(0, LENGTH)
    run.state.set(fresh.key(0, LENGTH, "manifest"), known)
    assert fresh.manifest(0, LENGTH).names == fresh.manifest(0, LENGTH - 1).names


def test_a_fork_reads_them_through_its_own(run):
    fork = run.fork(at=MOST + 5)
    pf.delete_run(run.id, state=run.state)
    assert dict(fork.variables) == {f"x{n}": 1000 + n for n in range(MOST + 6)}


def test_one_that_was_written_in_full_since_does_no_harm(run, tmp_path):
    """As those are that were signed anew."""
    journal = run.timeline.journal
    run.state.set(journal.key(0, 5, "manifest"), journal.manifest(0, 5).to_bytes())
    expected = {f"x{n}": 1000 + n for n in range(8)}
    assert dict(run.at(7).variables) == expected
    file = pf.export_run(run, tmp_path / "run.pfz")
    assert dict(pf.import_run(file, state="memory:in-full").at(7).variables) == expected


def test_lines_that_part_between_full_ones_are_read_apart(run):
    run.goto(5)
    run.set(x5=-1, extra=[1])
    run.step(3)
    run.switch(0, 7)
    run.set(x7="other")
    fresh = Journal(run.state, run.id)
    assert fresh.manifest(1, 9).names == [f"x{n}" for n in range(6)] + ["extra", "x6", "x7", "x8"]
    run.switch(1)
    assert run["x8"] == 2
    run.switch(2)
    assert (run["x7"], "extra" in run.variables) == ("other", False)


def test_the_last_of_a_carried_run_is_kept_in_full(memory):
    def count(n: int = 0):
        return n + 1

    step = pf.Step(count, input={"n": "{{ n }}"}, output_var="n")
    pipeline = pf.Pipeline("p", params={"n": {"type": "integer", "default": 0}}, steps=[step])
    assert [pipeline.run(state=memory, carry="c").variables["n"] for _ in range(3)] == [1, 2, 3]


def test_snapshots_that_may_be_removed_are_written_in_full(memory):
    steps = [pf.Step(after, input={"x": "{{ x }}"}, output_var="x", label=f"s{n}") for n in range(5)]
    run = pf.Pipeline("p", params={"x": "integer"}, steps=steps).start({"x": 0}, state=memory, keep=2)
    run.finish()
    assert not any("since" in decoded(text) for text in texts(run))
    run.back()
    assert run["x"] == 4


def test_a_damaged_one_that_others_differ_from_is_told(run):
    key = run.timeline.journal.key(0, 3, "manifest")
    run.state.set(key, b"{}")
    with pytest.raises(pf.StateCorrupt, match=r"00000005/manifest in .* cannot be read .*go to another"):
        run.at(5)
    assert run.at(2)["x2"] == 1002
    assert run.at(MOST + 1)[f"x{MOST + 1}"] == 1001 + MOST


def test_one_in_full_that_is_missing_is_told(run):
    text = json.loads(run.state.get(run.timeline.journal.key(0, 5, "manifest")))
    run.state.set(run.timeline.journal.key(0, 5, "manifest"), json.dumps(text | {"since": 2}).encode())
    with pytest.raises(pf.StateCorrupt, match="position 2 has no manifest in full"):
        run.at(5)


def test_a_difference_to_far_away_is_refused(run):
    key = run.timeline.journal.key(0, MOST, "manifest")
    text = json.loads(run.state.get(key))
    run.state.set(key, json.dumps(text | {"since": -(10**9)}).encode())
    with pytest.raises(pf.StateCorrupt, match="it differs from position -1000000000"):
        run.at(MOST)


_values = st.one_of(
    st.integers(0, 3), st.just("text"), st.lists(st.integers(0, 2), max_size=2), st.just(print)
)
_moves = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.one_of(st.none(), _values), max_size=4), max_size=6
)


def test_a_variable_that_moves_is_written_in_full():
    """A difference does not tell the order, which follows from that of the snapshot before."""
    snapshots = Snapshots(pf.open_state("memory:differences"))
    before = snapshots.take({"a": 1, "b": 2})
    assert Difference.of(snapshots.take({"b": 2, "a": 3}, before, {"a"}), before, 0) is None
    assert Difference.of(snapshots.take({"a": 3, "b": 2}, before, {"a"}), before, 0) is not None


@settings(deadline=None)
@given(_moves)
def test_any_difference_gives_the_manifest_again(moves):
    """Whatever is added, changed, removed (None), shared, or cannot be kept."""
    snapshots, variables, before = Snapshots(pf.open_state("memory:differences")), {}, EMPTY
    shared, unkept = [1, 2], (n for n in range(3))
    before = snapshots.take(variables)
    for move in moves:
        for name, value in move.items():
            if value is None:
                variables.pop(name, None)
            else:
                variables[name] = shared if value == [1] else unkept if value is print else value
        manifest = snapshots.take(variables, before, move.keys())
        difference = Difference.of(manifest, before, 0)
        if difference is None:
            assert before.not_kept  # what can be kept again takes its place among the others
        else:
            again = Difference.from_json(decoded(difference.to_bytes("")))
            assert again.is_ours("")
            again = again.over(before)
            assert again == manifest
            assert again.names == manifest.names
        before = manifest
