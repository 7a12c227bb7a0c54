"""Compacting takes nothing from a store, and keeps nobody from it, whatever other processes do meanwhile."""

from __future__ import annotations

import ast
import subprocess
import sys

import pforge_lab as pf
from tests.programs import module

COMPACTS = """
import sys
import pforge_lab as pf
with pf.open_state(sys.argv[1]) as state:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(4):
        state.compact()
"""


def test_processes_that_compact_a_sqlite_store_at_once_leave_every_value(tmp_path):
    module("relstorage")
    url = f"sqlite:{tmp_path / 'lab.db'}"
    values = {f"key/{number:04d}": bytes([number % 256]) * 700 for number in range(300)}
    with pf.open_state(url) as state:
        state.set_many(values)
    command = [sys.executable, "-c", COMPACTS, url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=240)
    assert [process.returncode for process in processes] == [0, 0, 0]
    with pf.open_state(url) as state:
        assert state.get_many(list(values)) == values


WRITES = """
import random
from tests.programs import module
chosen, mine = random.Random(SEED), {}
def write(rounds):
    for number in range(rounds):
        fresh = {f"{chosen.randrange(10**9):09d}/SEED": b"%d" % number for _ in range(20)}
        gone = chosen.sample(sorted(mine), 150) if len(mine) > 400 else []
        with state.batch(durable=False) as batch:
            for key, value in fresh.items():
                batch.set(key, value)
            for key in gone:
                batch.delete(key)
        mine.update(fresh)
        for key in gone:
            del mine[key]
    state.set("SEED", repr(mine).encode())
"""


def test_others_write_while_a_store_is_compacted_and_nothing_is_lost(shared_backend, processes, heavy):
    """Keys that come and go split and empty the nodes of the tree, which the compaction is looking at."""
    writers = processes[:2]
    state = shared_backend.open()
    for seed, writer in enumerate(writers):
        writer.run(f"state = open_state({shared_backend.url!r})")
        writer.run(WRITES.replace("SEED", str(seed)))
        writer.send("write(150)")
    for _ in range(heavy(60)):
        state.compact()
    for writer in writers:
        writer.wait()
        writer.run("state.close()")
    told = {seed: state.get(seed) for seed in ("0", "1")}
    expected = ast.literal_eval(told["0"].decode()) | ast.literal_eval(told["1"].decode())
    assert state.get_many(state.keys()) == expected | told


def test_a_compaction_that_was_killed_keeps_nobody_from_the_store_and_can_be_repeated(
    shared_backend, start_process
):
    state, other = shared_backend.open(), start_process()
    values = {f"key/{number:05d}": b"%d" % number for number in range(5_000)}
    state.set_many(values)
    other.run(f"state = open_state({shared_backend.url!r}); state.get('key/00000')")
    other.send("while True: state.compact()")
    values |= {f"late/{number:02d}": b"%d" % number for number in range(20)}
    for number in range(20):
        state.set(f"late/{number:02d}", b"%d" % number)
    other.kill()
    state.set_many(dict.fromkeys(list(values)[:2000], b"new"))
    state.compact()
    assert state.get_many(state.keys()) == values | dict.fromkeys(list(values)[:2_000], b"new")


def test_a_commit_that_conflicts_with_a_busy_writer_comes_to_its_turn(shared_backend, processes):
    """The other process never pauses, and changes the very key: each attempt beside it is in conflict."""
    state, other = shared_backend.open(), processes[0]
    other.run(f"state = open_state({shared_backend.url!r})")
    other.send("while state.get('stop') is None: state.increment('n')")
    for _ in range(20):
        state.increment("n")
    mine = state.get("n")
    state.set("stop", b"")
    other.wait()
    assert int(mine) >= 20
