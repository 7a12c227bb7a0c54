"""Runs that are deleted: nothing of them is left, and nothing that others need is lost."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

import pforge_lab as pf
from pforge_lab.runs.chunks import PREFIX as CHUNKS, Chunks
from pforge_lab.runs.encoding import encoded


def noise(seed, size=40_000):
    return np.random.default_rng(seed).random(size)


def make(seed: int):
    return noise(seed)


def grow(make):
    make[:100] += 1
    return {"sum": float(make.sum()), "text": "x" * 5000}


def pipeline():
    return pf.Pipeline.from_functions("p", make, grow)


@pytest.fixture
def state(place):
    with pf.open_state(place) as opened:
        yield opened


def chunks(state):
    return set(state.keys(CHUNKS))


def of(state, run):
    return [key for key in state.keys("pforge/") if run.id in key]


# -- deleting


def test_deleting_leaves_nothing_of_a_run(state):
    run = pipeline().start({"seed": 1}, state=state)
    run.finish()
    assert of(state, run)
    assert chunks(state)
    done = pf.delete_run(run.id, state=state)
    assert of(state, run) == []
    assert chunks(state) == set()
    assert (done.spared, done.kept) == (0, 0)
    assert str(done) == f"removed {done.removed} chunks, kept 0"


def test_a_fork_outlives_what_it_was_forked_from(state):
    run = pipeline().start({"seed": 1}, state=state)
    run.finish()
    fork = run.fork(at=1)
    pf.delete_run(run.id, state=state)
    assert np.array_equal(fork.at(1)["make"], noise(1))
    fork.finish()
    assert fork.at(2)["grow"]["text"] == "x" * 5000


def test_carried_variables_outlive_the_run_that_made_them(state):
    run = pipeline().start({"seed": 1}, state=state, carry="kept")
    run.finish()
    pf.delete_run(run.id, state=state)
    again = pipeline().start({"seed": 2}, state=state, carry="kept")
    assert again["grow"]["text"] == "x" * 5000


def test_a_run_that_another_thread_advances_is_not_deleted(state):
    inside, leave = threading.Event(), threading.Event()

    def wait():
        inside.set()
        leave.wait(60)

    run = pf.Pipeline.from_functions("p", wait).start(state=state)
    thread = threading.Thread(target=run.finish)
    thread.start()
    inside.wait(60)
    with pytest.raises(pf.RunBusy, match="is being advanced by another thread of this process"):
        pf.delete_run(run.id, state=state)
    leave.set()
    thread.join()
    assert run.status == "done"
    pf.delete_run(run.id, state=state)


def test_a_run_that_another_process_advances_is_not_deleted(state):
    """What counts is the lease, which names a process that is alive: here the parent of this one."""
    run = pipeline().start({"seed": 1}, state=state)
    from pforge_lab.runs import owner

    parent = os.getppid()
    facts = owner.Owner(parent, owner.platform.node(), owner._started(parent), run.head.created)
    other = encoded(facts.to_json() | {"lease": "other"})
    state.set(f"pforge/lease/{run.id}", other)
    with pytest.raises(pf.RunBusy, match=f"is being advanced by process {parent}"):
        pf.delete_run(run.id, state=state)
    assert of(state, run)


def test_an_unknown_id_is_answered_with_near_misses(state):
    run = pipeline().start({"seed": 1}, state=state, id="night-1")
    with pytest.raises(pf.RunNotFound, match="there is no run 'nihgt-1', did you mean 'night-1'\\?$"):
        pf.delete_run("nihgt-1", state=state)
    with pytest.raises(pf.RunNotFound, match="did you mean 'night-1'\\?; give the whole id$"):
        pf.delete_run("night", state=state)
    assert run.status == "ready"


def test_a_run_that_was_deleted_says_so_when_it_is_stepped(state):
    run = pipeline().start({"seed": 1}, state=state, id="gone")
    pf.delete_run("gone", state=state)
    with pytest.raises(pf.RunNotFound, match="run gone was deleted from .* meanwhile"):
        run.step()
    with pytest.raises(pf.RunNotFound, match="was deleted"):
        run.fork()
    with pytest.raises(pf.RunNotFound, match="there are no runs"):
        pf.open_run("gone", state=state)


def test_an_id_can_be_used_again_after_deleting(state):
    pipeline().start({"seed": 1}, state=state, id="same").finish()
    pf.delete_run("same", state=state)
    run = pipeline().start({"seed": 2}, state=state, id="same")
    run.finish()
    assert np.array_equal(pf.open_run("same", state=state).at(1)["make"], noise(2))


def test_a_run_id_cannot_reach_into_keys_of_another_run(state):
    with pytest.raises(pf.UsageError, match="a run id is made of letters"):
        pipeline().start({"seed": 1}, state=state, id="a/0")


def test_a_chunk_that_two_write_at_once_is_kept_whole(state):
    """As a difference it would need a chunk that only one of them names."""
    old, new = noise(1), noise(1)
    new[7] = 0
    knowing, unknowing = Chunks(state), Chunks(state)
    before = knowing.put(memoryview(old).cast("B"))
    knowing.flush()
    cut = knowing.put(memoryview(new).cast("B"), before)
    same = unknowing.put(memoryview(new).cast("B"))
    assert cut.bases
    assert not same.bases
    unknowing.flush()
    knowing.flush()
    for name in cut.bases:
        state.delete(CHUNKS + name)
    assert bytes(unknowing.get(same.ids, same.size)) == new.tobytes()
