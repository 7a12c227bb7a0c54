"""The room behind the last transaction of a ZODB file: quick to write over, and in nobody's way."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from pforge_lab.errors import StateCorrupt, StateFull
from pforge_lab.state import open_state
from pforge_lab.state.zodb.room import ROOM
from tests.state.history import content_of, fork, read_all, reported


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lab.fs"


@pytest.fixture
def killed(path):
    """Return the path of a file as a process leaves it that is killed while nothing is written."""
    code = (
        "import os, signal, sys; from pforge_lab.state import open_state; state = open_state(sys.argv[1])\n"
        "for number in range(20): state.set(f'k{number}', b'%d' % number)\n"
        "os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, 'SIGKILL') else signal.SIGTERM)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    return path


STORED = {f"k{number}": b"%d" % number for number in range(20)}


def test_a_file_does_not_grow_with_each_small_commit(path):
    """The disk has bytes to write, and no new size to note."""
    with open_state(path) as state:
        state.set("k", b"0")
        size = path.stat().st_size
        for number in range(20):
            state.set("k", b"%d" % number)
        assert path.stat().st_size == size
        assert state._storage.getSize() < size < state._storage.getSize() + ROOM + 100


def test_a_store_that_is_closed_has_no_room(path):
    with open_state(path, compact="never") as state:
        state.set("k", b"v")
        end = state._storage.getSize()
    assert path.stat().st_size == end


@pytest.mark.parametrize("options", [{"durability": "relaxed"}, {}])
def test_where_nobody_waits_for_the_disk_or_much_is_written_no_room_is_made(path, options):
    with open_state(path, compact="never", **options) as state:
        size = path.stat().st_size
        state.set("k", b"v" * (100 if options else 1_000_000))
        assert path.stat().st_size - max(size - ROOM, 0) < 1_100_000
        state.set("l", b"v" * (100 if options else 1_000_000))
        assert path.stat().st_size == state._storage.getSize()


def test_what_a_killed_process_has_left_is_no_damage(killed):
    """Nothing is reported, and the file ends with its last transaction once it is closed."""
    assert killed.stat().st_size > ROOM
    assert read_all(killed) == (STORED, False)
    assert killed.stat().st_size < ROOM


def test_a_copy_of_a_file_that_is_open_opens(path, tmp_path):
    with open_state(path) as state:
        state.set_many(STORED)
        shutil.copy(path, tmp_path / "copy.fs")
    assert read_all(tmp_path / "copy.fs") == (STORED, False)


def test_other_programs_read_a_file_up_to_its_room(killed, caplog):
    """ZODB finds its end without a word of damage."""
    from ZODB.FileStorage import FileIterator, FileStorage

    with caplog.at_level(logging.WARNING):
        storage = FileStorage(str(killed), read_only=True)
        keys = storage.load(bytes(8))
        assert len(list(FileIterator(str(killed)))) >= len(STORED)
        storage.close()
    assert keys
    assert not caplog.records


def test_what_was_written_where_room_had_been_read_is_read(path):
    """A reader's buffer has the zeros behind a record; they are not taken for what is written there afterwards."""
    with open_state(path) as state:
        for number in range(50):
            state.set("k", b"%d" % number * 300)
            storage = state._storage
            with storage._files.get() as file:
                file.seek(storage._pos - 100)
                assert file.read(50)
            state.set("l", b"%d" % number * 300)
            assert storage.load(max(storage._index))[0]
            for record in list(storage._index):
                storage.load(record)


def test_bytes_within_the_room_are_a_write_that_was_interrupted(killed):
    """The disk may have written the end of a transaction before its beginning; it was acknowledged to nobody."""
    with killed.open("r+b") as file:
        file.seek(-1000, 2)
        file.write(b"the end of a transaction")
    with reported() as reports:
        assert read_all(killed) == (STORED, True)
    assert not reports


def test_a_mark_in_the_middle_of_a_file_is_damage(killed):
    """What follows it was acknowledged: neither opening nor compacting takes it for the end."""
    from pforge_lab.state.zodb.room import mark_after
    from pforge_lab.state.zodb.scan import START, walk

    with killed.open("rb") as file:
        ends = [seen.end for seen in walk(file, START, bytes(8))]
    with open_state(killed, compact="never") as state:
        with killed.open("r+b") as file:
            file.seek(ends[5])
            file.write(mark_after(bytes(8)))
        with pytest.raises(StateCorrupt, match="not compacted"):
            state.compact()
    killed.with_name("lab.fs.index").unlink()
    assert read_all(killed) == (None, False)
    with pytest.raises(StateCorrupt, match="not finished"), open_state(killed, mode="r"):
        pass


def test_a_reader_notices_that_the_file_ends_before_what_it_was_promised(path):
    """When it reads on, a mark that damage has put where a transaction was is not taken for the end."""
    from pforge_lab.state.zodb.room import mark_after

    with open_state(path, compact="never") as state, open_state(path, mode="r") as reader:
        state.set("k", b"0")
        assert reader.get("k") == b"0"
        end = state._storage.getSize()
        state.set("k", b"1")
        with path.open("r+b") as file:
            file.seek(end)
            file.write(mark_after(bytes(8)))
        with pytest.raises(StateCorrupt, match="ends"):
            reader._storage.follow()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_disk_without_room_for_room_takes_what_fits(path):
    """Small values are stored one by one until the disk is full indeed."""

    def fill(descriptor):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with open_state(path, compact="never") as state:
            state.set("before", b"b")
            room = path.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (room + 20_000, resource.RLIM_INFINITY))
            stored = 0
            with contextlib.suppress(StateFull):
                for number in range(10_000):
                    state.set(f"k{number}", b"v" * 400)
                    stored += 1
            left = room + 20_000 - state._storage.getSize()
            content = content_of(state)
            os.write(descriptor, b"%d %d %d" % (stored, left, len(content)))

    child, descriptor = fork(fill)
    os.waitpid(child, 0)
    stored, left, found = map(int, os.read(descriptor, 100).split())
    os.close(descriptor)
    assert stored + 1 == found
    assert left < 20_000
    assert len(read_all(path)[0]) == found


def test_compacting_copies_no_room(path):
    with open_state(path, compact="never") as state:
        for number in range(100):
            state.set("k", b"%d" % number)
        state.compact()
        assert path.stat().st_size == state._storage.getSize() < 10_000
        state.set("k", b"after")
        assert path.stat().st_size > ROOM
    with open_state(path) as state:
        assert content_of(state) == {"k": b"after"}
