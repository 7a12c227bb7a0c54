"""A ZODB store on a disk that is full."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal

import pytest

from pforge_lab.errors import StateFull
from pforge_lab.state import open_state
from tests.state.history import fork, read_all

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests kill forked processes")


@pytest.mark.parametrize("size", [100, 5000, 3_000_000])
def test_a_full_disk_raises_loses_nothing_and_passes(tmp_path, size):
    path = tmp_path / "lab.fs"

    def fill(descriptor):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        outcome = b"no error"
        with open_state(path, compact="never") as state:
            state.set("before", b"b" * 1000)
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
            stored = 0
            try:
                for number in range(10_000):
                    state.set(f"k{number:05}", b"x" * size)
                    stored += 1
            except StateFull as error:
                outcome = str(error).encode()
            for _ in range(3):
                with contextlib.suppress(StateFull):
                    state.set("again", b"x" * 100_000)
            assert state.get("before") == b"b" * 1000
            assert len(state.keys()) == stored + 1
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            state.set("after", b"a" * 2_000_000)
            assert len(state.keys()) == stored + 2
        os.write(descriptor, b"%d %s" % (stored, outcome))

    child, descriptor = fork(fill)
    os.waitpid(child, 0)
    stored, _, outcome = os.read(descriptor, 10_000).partition(b" ")
    os.close(descriptor)
    assert b"is full" in outcome
    assert b"nothing of this was stored" in outcome
    content, was_reported = read_all(path)
    assert len(content) == int(stored) + 2
    assert not was_reported


def test_compaction_needs_room(tmp_path, monkeypatch):
    with open_state(tmp_path / "lab.fs") as state:
        state.set("k", b"v")
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=10))
        with pytest.raises(StateFull, match="10 are free"):
            state.compact()
        assert state.get("k") == b"v"


def test_the_error_of_a_full_disk_is_told_from_others():
    from pforge_lab.errors import StateError
    from pforge_lab.state.zodb.faults import fault

    assert isinstance(fault(OSError(errno.ENOSPC, "No space left"), "zodb:x"), StateFull)
    assert isinstance(fault(OSError(errno.EDQUOT, "Quota"), "zodb:x"), StateFull)
    other = fault(OSError(errno.EIO, "Input/output error"), "zodb:x")
    assert isinstance(other, StateError)
    assert not isinstance(other, StateFull)
