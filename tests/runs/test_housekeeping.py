"""Runs that are deleted and chunks that are collected: nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import pforge_lab as pf
from pforge_lab.runs import generation
from pforge_lab.runs.chunks import PREFIX as CHUNKS, Chunks
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.runs.encoding import encoded
from tests.programs import need

_numbers = count()


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


# -- collecting beside writers


def test_a_collection_between_chunks_and_manifest_is_made_up_for(state, monkeypatch):
    """The chunks of a step are garbage until its manifest lands; collected then, they are written again."""
    run = pipeline().start({"seed": 1}, state=state)
    accept, collected = run.timeline.accept, []

    def collecting(record, manifest, *, last):
        if len(collected) < 2:
            collected.append(collect_chunks(state).removed)
        accept(record, manifest, last=last)

    monkeypatch.setattr(run.timeline, "accept", collecting)
    run.step()
    assert collected == [2, 2]
    assert np.array_equal(run.at(1)["make"], noise(1))


def test_chunks_that_a_run_believes_to_be_there_are_written_again(state):
    """A run remembers what it has written; after a collection it may not rely on that."""
    keeper = pipeline().start({"seed": 1}, state=state)
    keeper.step()
    doomed = keeper.fork(at=0)
    doomed.set(other=noise(5), text="y" * 9000)
    text = doomed["text"]
    doomed.back()
    other = doomed.fork(at=0)
    assert pf.delete_run(other.id, state=state).removed == 0
    value = noise(5)
    remembering = doomed._snapshots
    state.delete(f"pforge/run/{doomed.id}/{1:08d}/{2:08d}/manifest")
    for key in of(state, doomed):
        if key.endswith("manifest") and not key.endswith(f"{0:08d}/manifest"):
            state.delete(key)
    assert collect_chunks(state).removed >= 2
    assert doomed._snapshots is remembering
    doomed.set(other=value, text=text)
    assert np.array_equal(doomed.at(1)["other"], noise(5))
    assert doomed.at(1)["text"] == "y" * 9000


def test_a_start_and_a_fork_beside_a_collection_are_whole(state, monkeypatch):
    from pforge_lab.runs.journal import Journal

    write, left = Journal._write, [1, 1]

    def collecting(self, *args, keeps=False, **options):
        if keeps and left:
            left.pop()
            state.set(generation.GENERATION, generation.token())
            collect_chunks(state)
        write(self, *args, keeps=keeps, **options)

    monkeypatch.setattr(Journal, "_write", collecting)
    whole = pf.Pipeline("p", params={"x": "any"}).start({"x": noise(3)}, state=state)
    assert np.array_equal(whole.at(0)["x"], noise(3))
    left.append(1)
    assert np.array_equal(whole.fork().at(0)["x"], noise(3))
    assert left == []


def test_a_collection_that_writers_come_in_between_looks_again(state, monkeypatch):
    """What is committed between looking and removing is not removed."""
    run = pipeline().start({"seed": 1}, state=state)
    state.set(CHUNKS + "0" * 32, b"garbage")
    from pforge_lab.runs import collection

    token, steps = collection.token, [run.step, run.step]

    def late():
        if steps:
            steps.pop()()
        return token()

    monkeypatch.setattr(collection, "token", late)
    done = collect_chunks(state)
    assert done.removed == 1
    assert run.at(2)["grow"]["text"] == "x" * 5000


def test_a_collection_gives_up_where_runs_never_rest(state, monkeypatch):
    run = pipeline().start({"seed": 1}, state=state)
    state.set(CHUNKS + "0" * 32, b"garbage")
    from pforge_lab.runs import collection

    monkeypatch.setattr(collection, "token", lambda: run.set(n=next(_numbers)) and b"never")
    done = collect_chunks(state)
    assert (done.removed, done.spared) == (0, 1)
    assert "1 more were spared" in str(done)


def test_threads_that_step_and_one_that_collects(state, heavy):
    """Every step that was acknowledged is restorable, whatever is collected meanwhile."""
    stop, removed, failed = threading.Event(), [], []

    def collect():
        while not stop.is_set():
            removed.append(collect_chunks(state).removed)

    def work(seed):
        try:
            for number in range(heavy(100)):
                run = pipeline().start({"seed": seed + number}, state=state)
                run.finish()
                check(run, seed + number)
                pf.delete_run(run.id, state=state, collect=False)
        except BaseException as error:
            failed.append(error)
            raise

    collector = threading.Thread(target=collect)
    workers = [threading.Thread(target=work, args=(seed * 1000,)) for seed in range(2)]
    collector.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    collector.join()
    assert failed == []
    collect_chunks(state)
    assert chunks(state) == set()


def check(run, seed):
    before, after = noise(seed), noise(seed)
    after[:100] += 1
    assert np.array_equal(run.at(1)["make"], before)
    assert np.array_equal(run.at(2)["make"], after)
    assert run.at(2)["grow"]["text"] == "x" * 5000


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


STEPPING = """
import sys, numpy as np, pforge_lab as pf

def make(seed: int):
    return np.random.default_rng(seed).random(40_000)

def grow(make):
    make[:100] += 1
    return {"sum": float(make.sum()), "text": "x" * 5000}

state = pf.open_state(sys.argv[1])
for seed in range(int(sys.argv[2])):
    run = pf.Pipeline.from_functions("p", make, grow).start({"seed": seed}, state=state, id=f"run-{seed}")
    run.finish()
    if seed % 2:
        pf.delete_run(run.id, state=state, collect=False)
print("all done", flush=True)
"""


@pytest.fixture(params=["sqlite", "redis"])
def shared(request, tmp_path):
    """Return the URL of a store that several processes have open at once."""
    if request.param == "sqlite":
        pytest.importorskip("relstorage")
        yield f"sqlite:{tmp_path / 'lab.db'}"
        return
    pytest.importorskip("redis")
    program = need("redis-server")
    folder = tempfile.mkdtemp(prefix="redis")  # the path of a socket must be short
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", f"{folder}/socket", "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    while not Path(folder, "socket").exists():
        assert server.poll() is None
        threading.Event().wait(0.02)
    yield f"unix://{folder}/socket"
    server.terminate()
    server.wait()
    shutil.rmtree(folder)


def test_a_process_that_steps_and_one_that_collects(shared, scripts, heavy):
    """On stores that processes share, collecting in one loses nothing of what another one writes."""
    number = heavy(100)
    process = scripts.start("step.py", STEPPING, shared, str(number))
    with pf.open_state(shared) as state:
        while process.poll() is None:
            collect_chunks(state)
        out, err = process.communicate()
        assert out == "all done\n", err
        for seed in range(0, number, 2):
            check(pf.open_run(f"run-{seed}", state=state), seed)
            pf.delete_run(f"run-{seed}", state=state, collect=False)
        collect_chunks(state)
        assert chunks(state) == set()


COLLECTING = """
import sys, pforge_lab as pf
from pforge_lab.runs import collection
collection.PART = 3
state = pf.open_state("lab.fs")
print("open", flush=True)
collection.collect_chunks(state)
print("collected", flush=True)
"""


def test_a_collection_that_is_killed_leaves_what_is_needed(scripts, heavy):
    """SIGKILL at random moments of a collection: runs stay whole, and the next one ends the work."""
    generator = random.Random(7)
    place = str(scripts.folder / "lab.fs")
    with pf.open_state(place) as state:
        kept = pipeline().start({"seed": 1}, state=state)
        kept.finish()
        for seed in range(2, 12):
            run = pipeline().start({"seed": seed}, state=state)
            run.finish()
            pf.delete_run(run.id, state=state, collect=False)
    for _ in range(heavy(50)):
        process = scripts.start("collect.py", COLLECTING)
        assert process.stdout.readline() == "open\n"
        threading.Event().wait(generator.uniform(0, 0.03))  # a random moment of its work, not a wait for it
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with pf.open_state(place) as state:
            check(pf.open_run(kept.id, state=state), 1)
    with pf.open_state(place) as state:
        collect_chunks(state)
        run = pf.open_run(kept.id, state=state)
        check(run, 1)
        assert len(chunks(state)) < 20
        pf.delete_run(run.id, state=state)
        assert chunks(state) == set()


# -- whatever is done in whatever order


def is_kept(run, position):
    kept = run.head.kept
    return kept is None or (run.head.lines.holder(position), position) in kept


class Keepings(RuleBasedStateMachine):
    """Runs that are made, moved, forked, deleted and collected at random, beside copies of what they hold."""

    url = "memory:housekeeping-{}"

    @initialize()
    def begin(self):
        """Open a store with nothing in it."""
        self.state = pf.open_state(self.url.format(next(_numbers)))
        self.runs = {}

    @rule(seed=st.integers(0, 3), keep=st.sampled_from(["all", 1, 2, "records", {"done": 1}]))
    def start(self, seed, keep):
        """Start a run; seeds repeat, so runs share chunks."""
        run = pipeline().start({"seed": seed}, state=self.state, keep=keep)
        self.runs[run.id] = (run, [{"seed": seed}])

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def step(self, data):
        """Execute a step, where one is left."""
        run, line = self.pick(data)
        if run.next_label is not None:
            run.step()
            self.accepted(run, line)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), seed=st.integers(0, 3))
    def edit(self, data, seed):
        """Set a variable to what other runs may hold too."""
        run, line = self.pick(data)
        if is_kept(run, run.position):
            run.set(extra=noise(seed), text="y" * 5000 * (seed + 1))
            self.accepted(run, line)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def goto(self, data):
        """Go to a position of the line, where its snapshot was not removed."""
        run, line = self.pick(data)
        position = data.draw(st.integers(0, len(line) - 1))
        if is_kept(run, position):
            run.goto(position)
        else:
            with pytest.raises(pf.PositionError, match="was removed"):
                run.goto(position)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def fork(self, data):
        """Fork a run where it stands."""
        run, line = self.pick(data)
        if is_kept(run, run.position):
            fork = run.fork()
            self.runs[fork.id] = (fork, line[: run.position + 1])

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), collect=st.booleans())
    def delete(self, data, collect):
        """Delete a run."""
        run, _ = self.pick(data)
        del self.runs[run.id]
        pf.delete_run(run.id, state=self.state, collect=collect)

    @rule()
    def collect(self):
        """Collect; all that is there can be loaded, and nothing more is there than is needed."""
        collect_chunks(self.state)
        needed = set()
        for run, line in self.runs.values():
            for position, expected in enumerate(line):
                if not is_kept(run, position):
                    continue
                found = dict(run.at(position).variables)
                assert found.keys() == expected.keys()
                assert all(np.array_equal(found[name], value) for name, value in expected.items())
            for number in run.lines:
                for position in range(number.end + 1):
                    text = self.state.get(run.timeline.journal.key(number.number, position, "manifest"))
                    if text is not None:
                        needed |= run.timeline.journal.manifest(number.number, position).chunk_ids()
        assert {key.removeprefix(CHUNKS) for key in chunks(self.state)} == needed

    def pick(self, data):
        """Return one of the runs."""
        return self.runs[data.draw(st.sampled_from(sorted(self.runs, key=list(self.runs).index)))]

    def accepted(self, run, line):
        """Note what a run holds now, as copies."""
        copies = {
            name: value.copy() if hasattr(value, "copy") else value
            for name, value in run._scope.values().items()
        }
        line[run.position :] = [copies]

    def teardown(self):
        """Look at everything once more, and close the store."""
        if hasattr(self, "state"):
            self.collect()
            self.state.close()


def explore(machine, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_nothing_needed_is_collected_in_memory(heavy):
    explore(Keepings, heavy(200))


def test_nothing_needed_is_collected_in_a_file(heavy, tmp_path):
    class InFile(Keepings):
        url = str(tmp_path / "keep-{}.fs")

    explore(InFile, heavy(60))
