"""When values expire, on every store."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from pforge_lab.errors import (
    WrongValue,
)
from tests.state.lifetime import Lifetime


@pytest.mark.parametrize("ttl", [5, 5.0, timedelta(seconds=5)])
def test_a_key_expires_exactly_when_its_time_is_over(state, clock, ttl):
    with Lifetime(clock, 5) as life:
        state.set("k", b"v", ttl=ttl)
    clock.now += 4.5
    assert state.get("k") == b"v" or life.may_be_over()
    life.assert_left(state.ttl, "k")
    clock.now += 0.5
    assert state.get("k") is None
    assert not state.exists("k")
    assert state.keys() == []
    assert state.get_many(["k"]) == {}
    assert not state.delete("k")
    assert not state.expire("k", 5)


def test_a_lifetime_of_zero_is_over_at_once(state):
    state.set("k", b"old")
    state.set("k", b"v", ttl=0)
    assert state.get("k") is None


@pytest.mark.parametrize("size", [1, 600, 1_100_000])
def test_a_lifetime_can_be_changed_and_taken_away(state, clock, size):
    state.set("k", b"v" * size, ttl=500)
    with Lifetime(clock, 100) as life:
        assert state.expire("k", 100)
    clock.now += 50
    life.assert_left(state.ttl, "k")
    assert state.expire("k", None)
    clock.now += 1000
    assert state.get("k") == b"v" * size
    assert state.ttl("k") is None


def test_a_default_lifetime_is_for_values_stored_without_one(backend):
    state = backend.open(ttl=10)
    state.set("a", b"1")
    state.set("b", b"1", ttl=20)
    state.increment("c")
    backend.clock.now += 10
    assert state.keys() == ["b"]


def test_cleanup_removes_what_has_expired_and_says_how_much(state, clock):
    state.set_many({f"short{number}": b"v" for number in range(20)}, ttl=5)
    state.set_many({f"long{number}": b"v" * 2000 for number in range(10)}, ttl=500)
    state.set("kept", b"v")
    assert state.cleanup() == 0
    clock.now += 5
    assert state.stats().expired in (0, 20)
    assert state.cleanup() in (0, 20)
    assert state.stats().expired == 0
    clock.now += 5000
    state.cleanup()
    assert state.keys() == ["kept"]


def test_an_expired_key_can_be_stored_again(state, clock):
    state.set("k", b"old", ttl=5)
    clock.now += 10
    assert state.compare_and_set("k", None, b"new")
    state.cleanup()
    assert state.get("k") == b"new"


def test_an_infinite_lifetime_is_for_ever_whatever_the_store_s_own_is(state, monkeypatch):
    """`math.inf` beats the store's default; without it the default counts."""
    monkeypatch.setattr(state, "default_ttl", 60.0)
    state.set_many({"kept": b"v"}, ttl=math.inf)
    state.set("gone", b"v")
    assert state.ttl("kept") is None
    assert 0 < state.ttl("gone") <= 60
    with pytest.raises(WrongValue, match="0 or more seconds"):
        state.expire("kept", math.inf)
