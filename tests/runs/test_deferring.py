"""A store in memory accepts steps as they are; whoever looks finds all that was written, in bytes."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

import pforge_lab as pf
from pforge_lab.errors import RunBusy, RunNotFound, StateClosed, StateFull
from pforge_lab.runs.encoding import decoded
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.pages import PREFIX
from pforge_lab.state import MemoryStateManager

STEPS = 40


def plus(x):
    return x + 1


@pytest.fixture
def pipeline():
    """Return a pipeline that counts to `STEPS`."""
    step = {"input": {"x": "{{ x }}"}, "output_var": "x"}
    return pf.Pipeline("count", params={"x": "integer"}, steps=[pf.Step(plus, **step) for _ in range(STEPS)])


@pytest.fixture
def state():
    with MemoryStateManager() as state:
        yield state


def without_times(text):
    """Return what is stored without what differs from one run to the next."""
    data = decoded(text)
    for moving in ("started", "seconds", "memory", "signature", "updated", "created", "owner"):
        data.pop(moving, None)
    return data


def test_what_is_stored_late_is_what_is_stored_step_by_step(pipeline):
    """Also which manifests are differences, and to what."""
    late, early = MemoryStateManager(), MemoryStateManager()
    first, second = (
        pipeline.start({"x": 0}, state=late, id="r"),
        pipeline.start({"x": 0}, state=early, id="r"),
    )
    first.finish()
    second.finish(each=lambda record: early.get("anything"))
    assert late.keys() == early.keys()
    for key in late.keys(PREFIX):
        if key.endswith(("record", "manifest")):
            assert without_times(late.get(key)) == without_times(early.get(key)), key


def test_every_door_of_the_store_finds_what_is_owed(pipeline, state):
    """Whichever is the first one after a step."""
    run = pipeline.start({"x": 0}, state=state, id="r")
    record = f"{PREFIX}r/00000000/{{:08d}}/record"
    looks = (
        lambda key: state.get(key) is not None,
        lambda key: state.get_buffer(key) is not None,
        lambda key: key in state.get_many([key]),
        state.exists,
        lambda key: key in state.keys(PREFIX),
        lambda key: state.ttl(key) is None and state.exists(key),
        lambda key: state.stats().keys >= 2 * int(key.split("/")[-2]),
        lambda key: not state.compare_and_set(key, None, b"mine"),
        lambda key: state.delete(key.replace("record", "manifest")),
    )
    for position, look in enumerate(looks, 1):
        run.step()
        assert look(record.format(position)), position


def test_a_reader_in_another_thread_never_meets_half_a_step(pipeline, state):
    """The head it reads names positions whose records and snapshots are there."""
    run = pipeline.start({"x": 0}, state=state, id="r")
    over, seen, faults = threading.Event(), set(), []

    def look():
        journal = Journal(state, "r")
        while not over.is_set():
            head = journal.read_head()
            at = head.lines.position
            records, manifest = journal.records(head.lines.path()), journal.manifest(0, at)
            seen.add(at)
            if len(records) < at or not manifest.is_ours:
                faults.append(at)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        run.finish(each=lambda record: None)
    finally:
        over.set()
        thread.join()
    assert seen
    assert faults == []
    assert pf.open_run("r", state=state).records.shape[0] == STEPS


def test_what_was_owed_can_be_gone_back_to(pipeline, state):
    """Positions, differences, forks and another opening of the run."""
    run = pipeline.start({"x": 0}, state=state)
    run.finish()
    assert [run.at(k).variables["x"] for k in (0, 7, STEPS)] == [0, 7, STEPS]
    run.back(3)
    assert run["x"] == STEPS - 3
    assert run.fork(at=5).finish().variables["x"] == STEPS
    assert pf.open_run(run.id, state=state)["x"] == STEPS - 3


def test_somebody_who_moves_the_run_on_meanwhile_is_noticed_at_the_next_step(pipeline, state):
    """As in any store: nothing is written over what they did."""
    run = pipeline.start({"x": 0}, state=state)
    taken = []

    def each(record):
        if record.index == 3:
            other = Journal(state, run.id)
            other.begin(replace(other.read_head(), attempts=7))
            taken.append(record.index)

    with pytest.raises(RunBusy, match="was moved on by"):
        run.finish(each=each)
    assert taken == [3]
    head = Journal(state, run.id).read_head()
    assert (head.attempts, head.lines.position) == (7, 3)


def test_a_run_that_is_deleted_meanwhile_is_noticed_at_the_next_step(pipeline, state):
    """Nothing of it comes back."""
    run = pipeline.start({"x": 0}, state=state)

    def each(record):
        if record.index == 3:
            for key in state.keys(""):
                state.delete(key)

    with pytest.raises(RunNotFound, match="was deleted"):
        run.finish(each=each)
    assert state.keys() == []


def test_a_store_with_a_limit_says_at_the_step_that_it_is_full(pipeline):
    """The step did not happen."""
    state = MemoryStateManager(max_bytes=12_000, evict="never")
    run = pipeline.start({"x": 0}, state=state)
    with pytest.raises(StateFull):
        run.finish()
    assert run.position == run["x"] < STEPS


def test_a_closed_store_says_so_at_the_step(pipeline):
    """Although what was owed before is gone with it."""
    state = MemoryStateManager()
    run = pipeline.start({"x": 0}, state=state)
    with pytest.raises(StateClosed):
        run.finish(each=lambda record: state.close() if record.index == 3 else None)


def test_a_long_run_does_not_owe_without_bound(state):
    """A store is told once the manifests that wait have many names."""
    names = {f"v{number}": number for number in range(2500)}
    steps = [pf.Step(plus, input={"x": "{{ v0 }}"}, output_var="v0") for _ in range(60)]
    run = pf.Pipeline("wide", params=dict.fromkeys(names, "integer"), steps=steps).start(names, state=state)
    owed = []
    run.finish(each=lambda record: owed.append(len(run.timeline.journal.items)))
    assert max(owed) < 50
    assert run.at(59).variables["v0"] == 59
