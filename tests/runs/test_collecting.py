"""Chunks that are collected beside whoever writes, and by a process that is killed: nothing needed is lost."""

from __future__ import annotations

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

import pforge_lab as pf
from pforge_lab.runs import generation
from pforge_lab.runs.chunks import PREFIX as CHUNKS
from pforge_lab.runs.collection import collect_chunks
from tests.programs import module, need

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


# -- collecting beside writers


@pytest.mark.parametrize(("together", "garbage"), [(1, 1), (32 << 20, 0)])
def test_a_collection_between_chunks_and_manifest_is_made_up_for(state, monkeypatch, together, garbage):
    """Chunks too large for one batch are garbage until their manifest lands; collected then, they are written again."""
    from pforge_lab.runs import chunks as stored

    monkeypatch.setattr(stored, "BATCH", together)
    run = pipeline().start({"seed": 1}, state=state)
    accept, collected = run.timeline.accept, []

    def collecting(record, manifest, chunks, *, last):
        if len(collected) < 2:
            collected.append(collect_chunks(state).removed)
        accept(record, manifest, chunks, last=last)

    monkeypatch.setattr(run.timeline, "accept", collecting)
    run.step()
    assert set(collected) == {garbage}
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
        module("relstorage")
        yield f"sqlite:{tmp_path / 'lab.db'}"
        return
    module("redis")
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


@pytest.mark.filterwarnings("ignore:.* was put right")  # the kill may have come within a transaction
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
