"""A ZODB store whose process is killed at any moment: nothing acknowledged is lost, nothing is torn."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time

import pytest

from pforge_lab.state import open_state
from tests.state.history import SEED, after, batch_of, content_of, fork, reported

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests kill forked processes")


def test_a_kill_at_any_moment_loses_nothing_acknowledged_and_tears_nothing(tmp_path, heavy):
    path = tmp_path / "lab.fs"
    randomly = random.Random(SEED)
    last = -1

    def write(descriptor):
        with open_state(path, compact="never") as state:
            for number in range(last + 1, 10**6):
                state.set_many(batch_of(number))
                os.write(descriptor, b"%d\n" % number)

    for turn in range(heavy(100)):
        child, descriptor = fork(write)
        with os.fdopen(descriptor, "rb") as acknowledged:
            for _ in range(randomly.randrange(1, 8)):
                last = int(acknowledged.readline())
            time.sleep(randomly.random() * 0.005)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            last = int([b"%d" % last, *acknowledged.read().split()][-1])
        with reported() as reports, open_state(path, compact="never" if turn % 3 else "auto") as state:
            found = int(state.get("last"))
            assert last <= found <= last + 1
            assert content_of(state) == after(found)
            assert all("nothing that had been stored is lost" in str(report.message) for report in reports)
            last = found


def test_a_kill_loses_nothing_of_batches_that_are_not_durable(tmp_path, heavy):
    path = tmp_path / "lab.fs"

    def write(descriptor):
        with open_state(path, compact="never") as state:
            for number in range(10**6):
                with state.batch(durable=False) as batch:
                    for key in "ab":
                        batch.set(key, b"%d" % number)
                os.write(descriptor, b"%d\n" % number)

    for turn in range(heavy(30)):
        child, descriptor = fork(write)
        with os.fdopen(descriptor, "rb") as acknowledged:
            for _ in range(turn + 1):
                acknowledged.readline()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            last = int([b"%d" % turn, *acknowledged.read().split()][-1])
        with reported() as reports, open_state(path, compact="never") as state:
            assert last <= int(state.get("a")) <= last + 1
            assert state.get("a") == state.get("b")
            assert all("nothing that had been stored is lost" in str(report.message) for report in reports)


def test_a_kill_during_compaction_loses_nothing(tmp_path, heavy):
    path = tmp_path / "lab.fs"
    randomly = random.Random(SEED)
    with open_state(path, compact="never") as state:
        for number in range(20):
            state.set_many(batch_of(number))
    expected = after(19)

    def compact(descriptor):
        with open_state(path) as state:
            os.write(descriptor, b"x")
            while True:
                state.set("turn", b"%d" % random.getrandbits(32))
                state.compact()

    for _ in range(heavy(100)):
        child, descriptor = fork(compact)
        assert os.read(descriptor, 1) == b"x"
        time.sleep(randomly.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(descriptor)
        with reported() as reports, open_state(path, compact="never") as state:
            content = content_of(state)
            content.pop("turn", None)
            assert content == expected
            assert all("nothing that had been stored is lost" in str(report.message) for report in reports)


@pytest.mark.parametrize("moment", ["before the new one has its name", "before the old one is removed"])
def test_a_compaction_cut_short_between_its_renames_is_put_right(tmp_path, moment):
    path = tmp_path / "lab.fs"
    with open_state(path) as state:
        state.set("k", b"v")
    if moment.startswith("before the new"):
        shutil.copy(path, tmp_path / "lab.fs.pack")
        path.rename(tmp_path / "lab.fs.old")
    else:
        shutil.copy(path, tmp_path / "lab.fs.old")
    with reported() as reports, open_state(path) as state:
        assert state.get("k") == b"v"
        assert ["compaction was interrupted" in str(report.message) for report in reports] == [True] * len(
            reports
        )
        assert not (tmp_path / "lab.fs.old").exists()
