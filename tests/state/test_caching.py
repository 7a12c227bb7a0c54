"""The cache in front of a store: right within the process, bounded, and it says how it does."""

from __future__ import annotations

import pytest

from pforge_lab.errors import WrongValue
from pforge_lab.state import CachedStateManager, MemoryStateManager


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self):
        """Return the time."""
        return self.now


@pytest.fixture
def clock():
    """Return the clock of both stores."""
    return Clock()


@pytest.fixture
def backend(clock):
    """Return the store behind the cache."""
    return MemoryStateManager(clock=clock)


def test_a_second_read_is_answered_from_memory(backend):
    state = CachedStateManager(backend, ttl=5)
    state.set("k", b"v")
    assert [state.get("k") for _ in range(3)] == [b"v"] * 3
    assert (state.cache_stats().hits, state.cache_stats().misses) == (2, 1)


def test_absence_is_kept_too(backend):
    state = CachedStateManager(backend, ttl=5)
    assert [state.get("k") for _ in range(3)] == [None] * 3
    assert state.cache_stats().hits == 2


def test_what_others_write_is_seen_after_the_ttl(backend, clock):
    state = CachedStateManager(backend, ttl=5)
    assert state.get("k") is None
    backend.set("k", b"theirs")
    assert state.get("k") is None
    assert state.exists("k")
    assert state.get_many(["k"]) == {"k": b"theirs"}
    clock.now += 5
    assert state.get("k") == b"theirs"


def test_own_writes_of_every_kind_are_seen_at_once(backend):
    state = CachedStateManager(backend, ttl=500)
    for write, expected in (
        (lambda: state.set("k", b"1"), b"1"),
        (lambda: state.increment("k"), b"2"),
        (lambda: state.compare_and_set("k", b"2", b"3"), b"3"),
        (lambda: state.set_many({"k": b"4"}), b"4"),
        (lambda: state.expire("k", 0), None),
        (lambda: state.get_or_compute("k", lambda: b"5"), b"5"),
        (lambda: state.delete("k"), None),
    ):
        state.get("k")
        write()
        assert state.get("k") == expected


def test_a_kept_value_expires_when_its_key_does(backend, clock):
    state = CachedStateManager(backend, ttl=500)
    state.set("k", b"v", ttl=5)
    assert state.get("k") == b"v"
    clock.now += 5
    assert state.get("k") is None


def test_a_failed_guard_refreshes_what_it_looked_at(backend):
    state = CachedStateManager(backend, ttl=500)
    assert state.get("k") is None
    backend.set("k", b"theirs")
    assert not state.compare_and_set("k", None, b"mine")
    assert state.get("k") == b"theirs"


def test_memory_is_bounded_and_the_least_used_makes_room(backend):
    state = CachedStateManager(backend, ttl=500, max_bytes=10_000)
    for number in range(100):
        state.set(f"k{number}", b"x" * 800)
        state.get(f"k{number}")
        state.get("k0")
    stats = state.cache_stats()
    assert stats.bytes <= 10_000
    assert stats.entries == 9
    assert stats.evicted == 91
    hits = stats.hits
    state.get("k0")
    assert state.cache_stats().hits == hits + 1


def test_a_value_larger_than_the_cache_is_passed_through(backend):
    state = CachedStateManager(backend, max_bytes=1000)
    state.set("k", b"x" * 2000)
    assert state.get("k") == b"x" * 2000
    assert state.cache_stats().entries == 0


def test_threads_never_read_what_was_overwritten_before_they_asked(backend, in_threads):
    state = CachedStateManager(backend, ttl=500)
    state.set("k", b"0")
    done = [0]

    def work(number):
        for turn in range(1, 500):
            if number == 0:
                state.set("k", b"%d" % turn)
                done[0] = turn
            else:
                least = done[0]
                assert int(state.get("k")) >= least

    in_threads(4, work)


def test_a_cache_of_nothing_is_refused(backend):
    with pytest.raises(WrongValue, match="max_bytes"):
        CachedStateManager(backend, max_bytes=0)
