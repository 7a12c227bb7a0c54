"""Stores that several processes write to: exact sums, guards that hold, commits seen at once."""

from __future__ import annotations

import os
import random
import signal
import stat
import sys
import time

import pytest

from pforge_lab.errors import StateError, StateReadOnly, UsageError
from pforge_lab.state import open_state
from tests.state.history import fork

LEAVE = """
from pforge_lab.errors import StateConflict
def leave(n):
    try:
        with state.batch(guard={{f"{{n}}/{other}": b"on"}}) as batch:
            batch.set(f"{{n}}/{me}", b"off")
    except StateConflict:
        pass
"""


def all_run(processes, line):
    """Let all processes run ``line`` at once and wait for all."""
    for process in processes:
        process.send(line)
    for process in processes:
        process.wait()


def test_increments_of_four_processes_add_up(shared_backend, processes, heavy):
    rounds = heavy(1000)
    all_run(processes, f"state = open_state({shared_backend.url!r})")
    all_run(processes, f"[state.increment('n') for _ in range({rounds})]")
    all_run(processes, "state.close()")
    assert shared_backend.open().get("n") == b"%d" % (4 * rounds)


def test_four_processes_may_create_a_store_at_once(shared_backend, processes):
    all_run(processes, f"state = open_state({shared_backend.url!r}); state.increment('n')")
    all_run(processes, "state.close()")
    assert shared_backend.open().get("n") == b"4"


def test_compare_and_set_of_four_processes_lets_one_win_each_time(shared_backend, processes, heavy):
    rounds = heavy(200)
    all_run(processes, f"state = open_state({shared_backend.url!r}); won = 0")
    race = f"won = sum(state.compare_and_set(f'race/{{n}}', None, b'mine') for n in range({rounds})); state.increment('won', won)"
    all_run(processes, race)
    all_run(processes, "state.close()")
    assert shared_backend.open().get("won") == b"%d" % rounds


def test_a_guard_holds_against_changes_of_other_keys(shared_backend, processes, heavy):
    """Two doctors may not both leave: each leaves only if the other is on duty (write skew)."""
    first, second = processes[:2]
    for process, me, other in ((first, "a", "b"), (second, "b", "a")):
        process.run(f"state = open_state({shared_backend.url!r})")
        process.run(LEAVE.format(me=me, other=other))
    rounds = heavy(300)
    state = shared_backend.open()
    for number in range(rounds):
        state.set_many({f"{number}/a": b"on", f"{number}/b": b"on"})
    all_run([first, second], f"[leave(n) for n in range({rounds})]")
    for number in range(rounds):
        assert b"on" in state.get_many([f"{number}/a", f"{number}/b"]).values()
    all_run([first, second], "state.close()")


def test_a_commit_is_seen_by_the_next_read_of_another_process(shared_backend, other_process):
    other_process.run(f"state = open_state({shared_backend.url!r})")
    state = shared_backend.open()
    for turn in range(20):
        other_process.run(f"state.set('k', b'{turn}')")
        assert state.get("k") == b"%d" % turn
    other_process.run("state.close()")


def test_mode_r_reads_and_writes_nothing(shared_backend):
    state = shared_backend.open()
    state.set("k", b"v")
    with open_state(shared_backend.url, mode="r") as reader:
        assert reader.get("k") == b"v"
        state.set("k", b"w")
        assert reader.get("k") == b"w"
        with pytest.raises(StateReadOnly):
            reader.set("k", b"x")


def test_kills_lose_nothing_acknowledged_on_sqlite(tmp_path, heavy):
    url = f"sqlite:{tmp_path / 'lab.db'}"
    randomly = random.Random(1)
    open_state(url).close()
    last = -1
    for _ in range(heavy(100)):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with open_state(url) as state:
                    for number in range(last + 1, 10**6):
                        state.set_many(
                            {f"{number}/{part}": b"%d" % number for part in range(3)}
                            | {"last": b"%d" % number}
                        )
                        os.write(writing, b"%d\n" % number)
            finally:
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as acknowledged:
            for _ in range(randomly.randrange(1, 5)):
                last = int(acknowledged.readline())
            time.sleep(randomly.random() * 0.005)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            last = int([b"%d" % last, *acknowledged.read().split()][-1])
        with open_state(url) as state:
            found = int(state.get("last"))
            assert last <= found <= last + 1
            assert len(state.keys()) == 3 * (found + 1) + 1
            last = found


def test_files_of_sqlite_are_for_their_owner_only(tmp_path):
    with open_state(f"sqlite:{tmp_path / 'lab.db'}") as state:
        state.set("k", b"v" * 10_000)
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.rglob("*")}
    assert {name for name, mode in modes.items() if mode & 0o077} == set()


def test_a_file_in_the_place_of_a_sqlite_store_says_so(tmp_path):
    (tmp_path / "lab.db").write_bytes(b"")
    with pytest.raises(StateError, match="is a file; 'sqlite:' names a folder"):
        open_state(f"sqlite:{tmp_path / 'lab.db'}")
    with pytest.raises(StateError, match="does not exist"):
        open_state(f"sqlite:{tmp_path / 'other.db'}", mode="r")


@pytest.mark.parametrize(
    "url",
    ["unix:///nowhere/socket", "redis://:secret@127.0.0.1:1/0", "postgresql://ada:secret@127.0.0.1:1/lab"],
)
def test_a_server_that_is_not_there_is_named_without_its_password(url):
    with pytest.raises(StateError, match="cannot be used") as caught:
        open_state(url)
    assert "secret" not in str(caught.value)


def test_a_missing_dependency_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    for name in [name for name in sys.modules if name.startswith("pforge_lab.state.redis")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match=r"pforge_lab\[redis\]"):
        open_state("redis://localhost")


def test_namespaces_of_one_redis_server_do_not_mix(shared_backend):
    if shared_backend.name != "redis":
        pytest.skip("namespaces are of redis")
    joint = "&" if "?" in shared_backend.url else "?"
    with (
        open_state(shared_backend.url + joint + "namespace=a*:") as first,
        open_state(shared_backend.url + joint + "namespace=ab:") as second,
    ):
        first.set("k", b"1")
        second.set("k", b"2")
        assert (first.get("k"), second.get("k")) == (b"1", b"2")
        assert first.keys() == second.keys() == ["k"]
        first.delete("k")
        second.delete("k")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_after_a_fork_the_child_works_on_or_is_told_to_open_again(backend):
    """In memory with a copy of its own, on Redis with connections of its own; none of the others touches what is shared."""
    state = backend.open()
    state.set("k", b"parent")

    def work(descriptor):
        try:
            state.set("k", b"child")
            os.write(descriptor, state.get("k"))
        except StateError as error:
            os.write(descriptor, b"refused" if "forked; open it again" in str(error) else str(error).encode())

    child, descriptor = fork(work)
    os.waitpid(child, 0)
    answer = os.read(descriptor, 1000)
    os.close(descriptor)
    assert answer == (b"child" if backend.name in ("memory", "redis") else b"refused")
    assert state.get("k") == (b"child" if backend.name == "redis" else b"parent")
