"""What is acknowledged is on the disk itself, and outlives the server that has it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import pytest

from pforge_lab.errors import StateError
from pforge_lab.state import open_state
from pforge_lab.state.zodb.queue import Job
from pforge_lab.state.zodb.zeo import StateServer
from tests.programs import need
from tests.state.history import reported
from tests.state.servers import start_postgresql, start_redis, wait_for


@pytest.fixture
def folder():
    """Return a folder whose path is short enough for sockets, and that another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="kept"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def synced(monkeypatch):
    """Return what files held when the system was asked to put them on the disk, as they come; of folders, nothing."""
    contents: dict[Path, bytes] = {}

    def spied(sync):
        def spy(descriptor):
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            content = path.read_bytes() if path.is_file() else b""
            sync(descriptor)
            contents[path] = content

        return spy

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, spied(getattr(os, name)))
    return contents


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names files by their descriptors in /proc")
@pytest.mark.parametrize("size", [1, 600, 1_100_000])
def test_a_file_is_on_the_disk_when_a_write_returns(tmp_path, synced, size):
    """All of the ZODB file is synced, and of the file of a large value, whose name is synced too."""
    path = tmp_path / "lab.fs"
    with open_state(path) as state:
        for number in range(3):
            state.set(f"k{number}", b"v" * size)
            assert synced[path] == path.read_bytes()
    large = [file for file in synced if len(synced[file]) == size]
    assert len(large) == (3 if size > 1_048_576 else 0)
    assert {blob.parent for blob in Path(f"{path}.blobs").rglob("*.blob")} <= synced.keys()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names files by their descriptors in /proc")
def test_a_file_is_on_the_disk_when_a_write_returns_from_a_server(folder, synced):
    server = StateServer(folder / "lab.fs")
    thread = threading.Thread(target=server.serve)
    thread.start()
    with open_state(server.url) as state:
        for number in range(3):
            state.set("k", b"%d" % number)
            assert synced[server.path] == server.path.read_bytes()
    server.close()
    thread.join()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names files by their descriptors in /proc")
def test_relaxed_leaves_the_disk_to_the_system(tmp_path, synced):
    with open_state(tmp_path / "lab.fs", durability="relaxed") as state:
        synced.clear()
        state.set("k", b"v" * 1_100_000)
        assert not synced


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names files by their descriptors in /proc")
def test_a_batch_that_is_not_durable_is_on_the_disk_with_the_next_that_is(tmp_path, synced):
    path = tmp_path / "lab.fs"
    with open_state(path) as state:
        synced.clear()
        with state.batch(durable=False) as batch:
            batch.set("k", b"v")
        assert not synced
        state.set("l", b"v")
        assert synced[path] == path.read_bytes()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names files by their descriptors in /proc")
@pytest.mark.parametrize(("others", "waits"), [([False, False], False), ([False, True], True)])
def test_a_commit_of_several_waits_for_the_disk_if_one_of_them_does(tmp_path, synced, others, waits):
    with open_state(tmp_path / "lab.fs") as state:
        synced.clear()
        state._writer._commit_all([Job(lambda it: it.put("k", b"v", None), durable=each) for each in others])
        assert bool(synced) == waits


def test_a_power_cut_that_takes_a_batch_that_is_not_durable_takes_nothing_else(tmp_path):
    """Whatever part of it the disk had written by then, the file opens with what was durable, and is not called damaged."""
    path = tmp_path / "lab.fs"
    with open_state(path, compact="never") as state:
        state.set("k", b"durable")
        before = path.read_bytes()
        with state.batch(durable=False) as batch:
            batch.set("k", b"not durable")
        after, note = path.read_bytes(), Path(f"{path}.ack").read_bytes()
    changed = [place for place, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    before, after = before[: changed[-1] + 100], after[: changed[-1] + 100]
    for place in range(changed[0], changed[-1] + 1):
        for content in (after[:place] + before[place:], before[:place] + after[place:], after[:place]):
            path.write_bytes(content)
            Path(f"{path}.ack").write_bytes(note)
            Path(f"{path}.index").unlink(missing_ok=True)
            with reported() as reports, open_state(path) as state:
                assert state.get("k") in {b"durable", b"not durable"}
                assert all(
                    "nothing that had been stored is lost" in str(report.message) for report in reports
                )


@pytest.mark.parametrize(("durability", "level"), [("commit", 2), ("relaxed", 1)])
def test_sqlite_syncs_each_commit_unless_relaxed(tmp_path, durability, level):
    with open_state(f"sqlite:{tmp_path / 'lab.db'}", durability=durability) as state:
        connection, cursor = state._storage._adapter.connmanager.open_for_store()
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchall() == [(level,)]
        connection.close()


@pytest.mark.parametrize(("durability", "level"), [("commit", "on"), ("relaxed", "off")])
def test_postgresql_syncs_each_commit_unless_relaxed(folder, durability, level):
    need("postgres")
    server, url = start_postgresql(folder)
    wait_for(url)
    with open_state(url, durability=durability) as state:
        connection, cursor = state._storage._adapter.connmanager.open_for_store()
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchall() == [(level,)]
        connection.close()
    server.terminate()
    server.wait()


def kill_while_writing(server, url, number):
    """Kill a server while a thread writes one batch after the other; return the last that was acknowledged."""
    begun = threading.Event()
    last = -1

    def write():
        nonlocal last
        with open_state(url) as state:
            try:
                for each in range(10**6):
                    state.set_many({"a": b"%d" % each, "b": b"%d" % each})
                    last = each
                    if each == 20:
                        begun.set()
            except StateError:
                pass

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait()
    server.send_signal(number)
    server.wait()
    thread.join()
    return last


def assert_kept(url, last):
    """Check that a store holds the last acknowledged batch, or the one that was under way, and holds it whole."""
    with open_state(url) as state:
        found = state.get_many(["a", "b"])
        assert found["a"] == found["b"]
        assert int(found["a"]) in (last, last + 1)


def test_a_killed_postgresql_loses_nothing_acknowledged(folder):
    need("postgres")
    server, url = start_postgresql(folder)
    last = kill_while_writing(
        server, wait_for(url), signal.SIGQUIT
    )  # to all its processes, without a checkpoint
    server, url = start_postgresql(folder)
    assert_kept(wait_for(url), last)
    server.terminate()
    server.wait()


def test_a_killed_redis_that_syncs_each_command_loses_nothing_acknowledged(folder):
    need("redis-server")
    options = ("--appendonly", "yes", "--appendfsync", "always")
    server, url = start_redis(folder, *options)
    last = kill_while_writing(server, wait_for(url), signal.SIGKILL)
    server, url = start_redis(folder, *options)
    assert_kept(wait_for(url), last)
    server.terminate()
    server.wait()
