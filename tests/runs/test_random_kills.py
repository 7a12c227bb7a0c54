"""SIGKILL at random moments: what was acknowledged is there, nothing is executed twice, nobody sees half a step."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from itertools import count

import numpy as np
import pytest

import pforge_lab as pf
from pforge_lab.errors import StateCorrupt
from pforge_lab.runs.chunks import PREFIX as CHUNKS
from pforge_lab.runs.collection import collect_chunks
from tests.state.history import SEED, fork, reported

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests kill forked processes")

STEPS = 24


def begin():
    return np.arange(30_000.0)


def pipeline(note):
    """Return a pipeline whose steps change a table in place, and tell of it."""

    def change(number, table):
        note(b"executed %d\n" % number)
        table[number::50] += number
        return {"number": number, "sum": float(table.sum())}

    steps = [
        pf.Step(change, input={"number": number, "table": "{{ table }}"}, output_var="seen")
        for number in range(1, STEPS + 1)
    ]
    return pf.Pipeline("kills", params={"table": "any"}, steps=steps)


def check(run, position):
    """Fail unless the variables at a position are what they were there."""
    table = begin()
    for number in range(1, position + 1):
        table[number::50] += number
    variables = run.at(position).variables
    assert np.array_equal(variables["table"], table), position
    assert variables.get("seen") == ({"number": position, "sum": float(table.sum())} if position else None)


def write(path, name):
    """Return what a child does: it takes a run on, or begins it, and tells of each step."""

    def go(descriptor):
        def note(text):
            os.write(descriptor, text)

        with pf.open_state(path) as state:
            made = pipeline(note)
            known = state.keys("pforge/head/" + name)
            run = (
                pf.open_run(name, state=state)
                if known
                else made.start({"table": begin()}, state=state, id=name)
            )
            run.adopt(made)  # its tools tell this process's parent
            note(b"ready 0\n")
            while run.next_label:
                note(b"acknowledged %d\n" % run.step().step)

    return go


def test_what_was_acknowledged_is_there_and_nothing_is_executed_twice(tmp_path, heavy):
    """Of runs whose process is killed again and again; a reader beside it sees whole steps."""
    path, randomly = tmp_path / "lab.fs", random.Random(SEED)
    ids, landed = count(), 0
    name = f"run-{next(ids)}"
    for _ in range(heavy(200)):
        child, descriptor = fork(write(path, name))
        with os.fdopen(descriptor, "rb") as told:
            lines = [told.readline()]
            with pf.open_state(path, mode="r") as state:
                seen = pf.open_run(name, state=state)
                check(seen, randomly.randint(0, seen.position))
            time.sleep(randomly.random() * 0.1)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            lines += told.read().splitlines()
        facts = [line.split() for line in lines]
        executed = {int(number) for what, number in facts if what == b"executed"}
        last = max((int(number) for what, number in facts if what == b"acknowledged"), default=landed)
        with reported(), pf.open_state(path) as state:
            run = pf.open_run(name, state=state)
            assert last <= run.position <= last + 1
            assert not executed & {*range(1, landed + 1)}
            landed = run.position
            for position in range(landed + 1):
                check(run, position)
            if run.status == "done":
                pf.delete_run(name, state=state)
                collect_chunks(state)
                assert state.keys(CHUNKS) == []
                name, landed = f"run-{next(ids)}", 0


def test_a_file_cut_anywhere_shows_no_torn_snapshot(tmp_path, heavy):
    """What is left of a run in a store whose end is missing is whole, or the store says that it is damaged."""
    randomly = random.Random(SEED)
    path = tmp_path / "lab.fs"
    with pf.open_state(path, compact="never") as state:
        pipeline(lambda text: None).start({"table": begin()}, state=state, id="run").finish()
    size = path.stat().st_size
    for number in range(heavy(200)):
        folder = tmp_path / f"cut-{number}"
        folder.mkdir()
        cut = folder / "lab.fs"
        shutil.copy(path, cut)
        with cut.open("r+b") as file:
            file.truncate(randomly.randrange(size))
        try:
            with reported(), pf.open_state(cut) as state:
                if state.keys("pforge/head/run"):
                    run = pf.open_run("run", state=state)
                    check(run, randomly.randint(0, run.position))
                    check(run, run.position)
        except StateCorrupt:
            pass
        shutil.rmtree(folder)
