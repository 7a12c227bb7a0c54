"""A ZODB store after kills, cuts, flipped bits and full disks: all of it, or an error, or a report."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import time
import warnings

import pytest

from pforge_lab.errors import StateCorrupt, StateFull
from pforge_lab.state import StateRecovered, open_state

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests kill forked processes")
SEED = 20130101


@contextlib.contextmanager
def reported():
    """Collect the reports of recovery."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", StateRecovered)
        yield seen


def fork(work):
    """Run ``work(descriptor)`` in a forked process; return its id and a descriptor that reads what it writes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        work(writing)
    finally:
        os._exit(0)


def batch_of(number):
    """Return what batch ``number`` stores: small, middle and sometimes large values, some under the keys of others."""
    content = b"%d " % number
    batch = {f"batch/{number:06}/{part}": content for part in range(3)}
    batch[f"shared/{number % 7}"] = content * 300
    batch["last"] = content
    if number % 5 == 0:
        batch[f"large/{number % 3}"] = content * 300_000
    return batch


def after(number):
    """Return what a store holds after the batches up to ``number``."""
    state = {}
    for each in range(number + 1):
        state.update(batch_of(each))
    return state


def content_of(state):
    """Return everything a store holds."""
    keys = state.keys()
    content = state.get_many(keys)
    assert list(content) == keys
    return content


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


def read_all(path, **options):
    """Return what a store says it holds, or None if it says that it is damaged, and whether it reported anything."""
    with reported() as reports:
        try:
            with open_state(path, compact="never", **options) as state:
                content = content_of(state)
                assert state.stats().keys == len(content)
        except StateCorrupt:
            return None, False
    return content, bool(reports)


def test_a_file_cut_short_anywhere_is_noticed(written, tmp_path, heavy):
    randomly = random.Random(SEED)
    size = (written / "lab.fs").stat().st_size
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
    os.truncate(path, path.stat().st_size - 10)
    with pytest.raises(StateCorrupt, match=r"nothing was written.*recover=True"):
        open_state(path)


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


def flip(path, place, bit):
    """Flip one bit of a file."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


def test_the_error_of_a_full_disk_is_told_from_others():
    from pforge_lab.errors import StateError
    from pforge_lab.state.zodb.faults import fault

    assert isinstance(fault(OSError(errno.ENOSPC, "No space left"), "zodb:x"), StateFull)
    assert isinstance(fault(OSError(errno.EDQUOT, "Quota"), "zodb:x"), StateFull)
    other = fault(OSError(errno.EIO, "Input/output error"), "zodb:x")
    assert isinstance(other, StateError)
    assert not isinstance(other, StateFull)
