"""A ZODB store after cuts and flipped bits: all of it, or an error, or a report."""

from __future__ import annotations

import os
import random
import shutil
import signal

import pytest

from pforge_lab.errors import StateCorrupt
from pforge_lab.state import open_state
from tests.state.history import SEED, after, batch_of, content_of, fork, read_all, reported

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests kill forked processes")


@pytest.fixture(params=["closed", "killed"])
def written(request, tmp_path):
    """Return the folder of a store with many transactions, closed cleanly or as a kill leaves it."""
    folder = tmp_path / "original"
    folder.mkdir()
    path = folder / "lab.fs"
    if request.param == "closed":
        with open_state(path, compact="never", durability="relaxed") as state:
            for number in range(40):
                state.set_many(batch_of(number))
    else:

        def write(descriptor):
            state = open_state(path, compact="never")
            for number in range(40):
                state.set_many(batch_of(number))
            os.write(descriptor, b"x")
            signal.pause()

        child, descriptor = fork(write)
        assert os.read(descriptor, 1) == b"x"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(descriptor)
    note_commit(folder)
    return folder


def note_commit(folder):
    """Let the store say that it was written with durability commit: what is tested is the file, not the mode."""
    from pforge_lab.state.zodb.acknowledged import Acknowledged, Note, read_note

    note = read_note(folder / "lab.fs.ack")
    keeper = Acknowledged(folder / "lab.fs.ack")
    keeper.write(Note(note.tid, note.packed, relaxed=False))
    keeper.close()


def copies(folder, tmp_path, count):
    """Yield that many fresh copies of a store."""
    for number in range(count):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(folder, copy)
        yield copy / "lab.fs"
        shutil.rmtree(copy)


def end_of(path):
    """Return where the last transaction of a file ends; behind it is the room that a killed process leaves."""
    from pforge_lab.state.zodb.scan import START, walk

    with path.open("rb") as file:
        return [seen.end for seen in walk(file, START, bytes(8))][-1]


def test_a_file_cut_short_anywhere_is_noticed(written, tmp_path, heavy):
    randomly = random.Random(SEED)
    size = end_of(written / "lab.fs")
    full = after(39)
    histories = {tuple(sorted(after(number))): number for number in range(40)}
    for path in copies(written, tmp_path, heavy(300)):
        os.truncate(path, randomly.randrange(size))
        before = path.read_bytes()
        content, _ = read_all(path)
        assert content is None
        assert path.read_bytes() == before
        content, was_reported = read_all(path, recover=True)
        assert was_reported
        if content:
            number = histories.get(tuple(sorted(content)))
            assert number is not None
            assert content["last"] == after(number)["last"]
    assert read_all(written / "lab.fs") == (full, False)


@pytest.mark.parametrize("mode", ["w", "r"])
def test_a_flipped_bit_is_never_believed(written, tmp_path, heavy, mode):
    randomly = random.Random(SEED)
    size = (written / "lab.fs").stat().st_size
    full = after(39)
    noticed = 0
    for path in copies(written, tmp_path, heavy(300)):
        place = randomly.randrange(size)
        flip(path, place, randomly.randrange(8))
        content, _ = read_all(path, mode=mode) if mode == "r" else read_all(path)
        assert content in (full, None)
        noticed += content is None
    assert noticed


@pytest.mark.parametrize("name", ["lab.fs.index", "lab.fs.ack"])
def test_a_flipped_bit_beside_the_file_is_never_believed(written, tmp_path, heavy, name):
    if not (written / name).exists():
        pytest.skip("a store that was killed early has no index")
    randomly = random.Random(SEED)
    full = after(39)
    for path in copies(written, tmp_path, heavy(100)):
        beside = path.with_name(name)
        flip(beside, randomly.randrange(beside.stat().st_size), randomly.randrange(8))
        assert read_all(path)[0] == full


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_file_of_a_large_value_is_noticed(tmp_path, damage):
    path = tmp_path / "lab.fs"
    with open_state(path) as state:
        state.set("large", b"x" * 2_000_000)
        state.set("small", b"y")
    (blob,) = tmp_path.rglob("*.blob")
    blob.chmod(0o600)
    if damage == "flip":
        flip(blob, 1_234_567, 3)
    elif damage == "cut":
        os.truncate(blob, 1_000_000)
    else:
        blob.unlink()
    with open_state(path) as state:
        with pytest.raises(StateCorrupt):
            state.get("large")
        if damage != "flip":
            with pytest.raises(StateCorrupt):
                state.get_buffer("large")
        assert state.get("small") == b"y"
        state.set("large", b"again")
        assert state.get("large") == b"again"


def test_damage_is_not_compacted_away(tmp_path):
    path = tmp_path / "lab.fs"
    with open_state(path, compact="never") as state:
        for number in range(10):
            state.set_many(batch_of(number))
    flip(path, path.stat().st_size // 2, 1)
    with open_state(path, compact="never") as state, pytest.raises(StateCorrupt, match="not compacted"):
        state.compact()


def test_damage_that_no_value_shows_is_told_by_compacting_and_does_not_keep_it_from_closing(tmp_path):
    from ZODB.FileStorage import FileIterator

    path = tmp_path / "lab.fs"
    with open_state(path, compact="never") as state:
        for number in range(10):
            state.set_many(batch_of(number))
    places = [record.pos for transaction in FileIterator(str(path)) for record in transaction]
    flip(path, places[-1] + 16, 0)  # the pointer to the record before this one
    with open_state(path, compact="auto") as state:
        with pytest.raises(StateCorrupt, match=r"lab\.fs is damaged"):
            state.compact()
        assert content_of(state) == after(9)


def test_a_torn_end_is_cut_off_kept_and_reported(tmp_path):
    path = tmp_path / "lab.fs"
    with open_state(path) as state:
        state.set("k", b"v")
    with path.open("ab") as file:
        file.write(b"half a transaction")
    with reported() as reports, open_state(path) as state:
        assert state.get("k") == b"v"
        assert state.recovery.lost is False
        assert state.recovery.saved.read_bytes() == b"half a transaction"
    (report,) = reports
    assert "lab.fs was put right" in str(report.message)
    assert "nothing that had been stored is lost" in str(report.message)
    assert "lab.fs.tr0" in str(report.message)
    assert read_all(path) == ({"k": b"v"}, False)


def test_a_store_whose_file_was_taken_away_is_begun_anew_and_reported(tmp_path):
    path = tmp_path / "lab.fs"
    with open_state(path) as state:
        state.set("k", b"v")
    path.unlink()
    with reported() as reports, open_state(path) as state:
        assert state.keys() == []
        assert state.recovery.lost is True
    assert "the file was gone" in str(reports[0].message)


def test_an_older_copy_of_the_file_is_noticed(tmp_path):
    path = tmp_path / "lab.fs"
    with open_state(path, compact="never") as state:
        state.set("k", b"old")
        shutil.copy(path, tmp_path / "old")
        state.set("k", b"new")
    shutil.copy(tmp_path / "old", path)
    with pytest.raises(StateCorrupt, match="before what was stored last"):
        open_state(path)


def test_corruption_says_how_to_go_on(written):
    path = written / "lab.fs"
    os.truncate(path, end_of(path) - 10)
    with pytest.raises(StateCorrupt, match=r"nothing was written.*recover=True"):
        open_state(path)


def flip(path, place, bit):
    """Flip one bit of a file."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))
