"""The store in a ZODB file: its files, its locks, its care for itself."""

from __future__ import annotations

import os
import signal
import stat
import threading
from datetime import UTC, datetime

import pytest

from pforge_lab.errors import (
    StateConflict,
    StateError,
    StateLocked,
    UsageError,
    WrongValue,
)
from pforge_lab.state import open_state


def modes(folder):
    """Return the permissions of everything below ``folder``."""
    return {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in folder.rglob("*")}


def test_what_is_stored_is_there_after_reopening(path):
    values = {"small": b"1", "middle": b"2" * 5000, "large": b"3" * 2_000_000}
    with open_state(path) as state:
        state.set_many(values)
        state.set("limited", b"4", ttl=1000)
    with open_state(path) as state:
        assert state.get_many(values) == values
        assert 990 < state.ttl("limited") <= 1000
        assert state.recovery is None


@pytest.mark.parametrize("form", ["lab.fs", "./lab.fs", "zodb:lab.fs", "zodb:./sub/../lab.fs", "ZODB:lab.fs"])
def test_every_way_to_write_a_path_opens_the_same_object(path, form, monkeypatch):
    (path.parent / "sub").mkdir()
    monkeypatch.chdir(path.parent)
    with open_state(path) as state, open_state(form) as same:
        assert same is state
        assert state.url == f"zodb:{path}"


def test_a_windows_path_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_state("C:\\lab.fs") as state:
        assert state.url.startswith("zodb:")


def test_zodb_without_a_path_says_so():
    with pytest.raises(UsageError, match="names no file"):
        open_state("zodb:")


def test_all_files_are_for_their_owner_only(path):
    with open_state(path) as state:
        for turn in range(3):
            state.set_many({"small": b"%d" % turn, "middle": b"2" * 5000, "large": b"3" * 2_000_000})
        state.compact()
        seen = modes(path.parent)
    seen |= modes(path.parent)
    assert {name for name, mode in seen.items() if mode & 0o077} == set()
    assert {
        "lab.fs",
        "lab.fs.ack",
        "lab.fs.index",
        "lab.fs.lock",
        "lab.fs.owner",
        "lab.fs.blobs",
    } <= seen.keys()


def test_missing_folders_are_made_for_their_owner_only(tmp_path):
    with open_state(tmp_path / "a" / "b" / "lab.fs"):
        assert modes(tmp_path)["a"] == 0o700


def test_a_store_in_use_names_who_holds_it_and_what_to_do(path, elsewhere, other_process):
    with pytest.raises(StateLocked) as caught:
        open_state(path)
    message = str(caught.value)
    assert f"in use by process {other_process.pid} since " in message
    assert "/home/ada/day.ipynb" in message
    assert "mode='r'" in message
    assert "sqlite:" in message
    assert caught.value.pid == other_process.pid
    assert caught.value.notebook == "/home/ada/day.ipynb"
    assert abs((datetime.now(UTC) - caught.value.since).total_seconds()) < 60


def test_a_killed_holder_leaves_no_lock(path, start_process):
    holder = start_process()
    holder.run(f"state = open_state({str(path)!r}); state.set('k', b'v')")
    holder.kill()
    with open_state(path) as state:
        assert state.get("k") == b"v"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_copy_refuses_to_work_and_does_not_keep_the_lock(path):
    state = open_state(path)
    state.set("k", b"v")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = []
        for call in (lambda: state.get("k"), lambda: state.set("k", b"w"), state.keys):
            try:
                call()
                outcome.append("worked")
            except StateError as error:
                outcome.append("forked" if "forked" in str(error) else str(error))
        state.close()
        os.write(writing, ",".join(outcome).encode())
        os.close(writing)
        signal.pause()
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 1000) == b"forked,forked,forked"
    os.close(reading)
    state.set("k", b"parent")
    state.close()
    with open_state(path) as again:
        assert again.get("k") == b"parent"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_options_that_are_none_are_refused(path):
    with pytest.raises(WrongValue, match="durability is 'commit' or 'relaxed', not 'maybe'"):
        open_state(path, durability="maybe")
    with pytest.raises(WrongValue, match="compact is"):
        open_state(path, compact="sometimes")


def test_relaxed_durability_keeps_the_contract_over_reopening(path):
    with open_state(path, durability="relaxed") as state:
        for turn in range(100):
            state.set(f"k{turn}", b"v" * turn * 100)
    with open_state(path) as state:
        assert len(state.keys()) == 100


def test_replaced_values_do_not_pile_up(path):
    with open_state(path, durability="relaxed") as state:
        for turn in range(3000):
            state.set(f"k{turn % 10}", b"%d" % turn * 300)
        state.set("large", b"1" * 2_000_000)
        state.set("large", b"2" * 2_000_000)
    assert path.stat().st_size < 100_000
    assert sum(file.stat().st_size for file in path.parent.rglob("*.blob")) == 2_000_000
    with open_state(path) as state:
        assert state.get("k9") == b"2999" * 300
        assert state.get("large") == b"2" * 2_000_000


def test_compaction_in_the_background_does_not_disturb_readers_and_writers(path, monkeypatch, in_threads):
    monkeypatch.setattr("pforge_lab.state.zodb.compaction.WHILE_OPEN", 100_000)
    with open_state(path, durability="relaxed") as state:
        state.set_many({f"k{number}": b"0" for number in range(100)})

        def work(number):
            for turn in range(300):
                if number:
                    assert state.get(f"k{turn % 100}") is not None
                    assert len(state.keys()) == 100
                else:
                    state.set(f"k{turn % 100}", b"%d" % turn * 1000)

        in_threads(4, work)
        assert len(state.keys()) == 100
        if (compacting := state._background) is not None:
            compacting.join()
        assert state._storage.packed > 1000


def test_a_sweep_runs_by_itself_when_something_is_written(path):
    now = [1000.0]
    with open_state(path, clock=lambda: now[0]) as state:
        state.set_many({f"k{number}": b"v" for number in range(50)}, ttl=5)
        now[0] += 100
        assert state.stats().expired == 50
        state.set("other", b"v")
        assert state.stats().expired == 0


def test_an_interrupt_during_a_commit_leaves_the_store_whole(path, monkeypatch):
    from pforge_lab.state.zodb import writing

    state = open_state(path)
    state.set("k", b"before")
    with monkeypatch.context() as patch:
        patch.setattr(writing, "sync_file", lambda descriptor: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            state.set("k", b"stored")
    assert state.get("k") == b"stored"
    state.set("k", b"after")
    state.close()
    with open_state(path) as state:
        assert state.get("k") == b"after"


def test_jobs_of_one_group_fail_alone(path, in_threads):
    with open_state(path) as state:
        state.set("text", b"no number")

        def work(number):
            if number % 4 == 0:
                with pytest.raises(StateError, match="no number"):
                    state.increment("text")
            elif number % 4 == 1:
                with pytest.raises(StateConflict), state.batch(guard={"text": b"other"}) as batch:
                    batch.set("never", b"1")
            else:
                state.increment("n")

        for _ in range(10):
            in_threads(16, work)
        assert state.get("n") == b"80"
        assert not state.exists("never")


def test_threads_that_end_give_their_connections_back(path):
    with open_state(path) as state:
        state.set("k", b"v")
        for _ in range(50):
            thread = threading.Thread(target=lambda: state.get("missing"))
            thread.start()
            thread.join()
        assert len(list(state._db.pool)) <= 4


def test_opening_a_large_store_takes_no_longer_than_reading_its_index(path):
    with open_state(path, durability="relaxed") as state:
        state.set_many({f"k{number:06}": b"v" for number in range(20_000)})
    with open_state(path) as state:
        assert state._storage.loads < 20
        assert len(state.keys("k01")) == 10_000
