"""Changes that depend on what is there, and changes that belong together, on every store."""

from __future__ import annotations

import pytest

from pforge_lab.errors import (
    StateConflict,
    StateError,
    UsageError,
    WrongValue,
)
from tests.state.lifetime import Lifetime


def test_compare_and_set_stores_only_over_what_was_expected(state, clock):
    assert state.compare_and_set("k", None, b"1")
    assert not state.compare_and_set("k", None, b"2")
    assert not state.compare_and_set("k", b"0", b"2")
    with Lifetime(clock, 500) as life:
        assert state.compare_and_set("k", b"1", b"2", ttl=500)
    assert state.get("k") == b"2"
    life.assert_left(state.ttl, "k")
    assert state.compare_and_set("k", b"2", None)
    assert not state.exists("k")


@pytest.mark.parametrize("size", [0, 600, 1_100_000])
def test_compare_and_set_compares_values_of_every_size(state, size):
    state.set("k", b"a" * size)
    assert not state.compare_and_set("k", b"a" * size + b"b", b"new")
    assert state.compare_and_set("k", b"a" * size, b"new")


def test_increment_counts_from_zero_and_keeps_the_expiry(state, clock):
    assert state.increment("n") == 1
    assert state.increment("n", by=5) == 6
    assert state.increment("n", by=-10) == -4
    assert state.get("n") == b"-4"
    with Lifetime(clock, 100) as life:
        assert state.increment("t", ttl=100) == 1
    clock.now += 60
    assert state.increment("t", ttl=100) == 2
    life.assert_left(state.ttl, "t")
    clock.now += 40
    assert state.increment("t", ttl=100) == 1


@pytest.mark.parametrize("value", [b"text", b"1.5", b"", b" 1", b"1\n", b"--1", b"9" * 30])
def test_increment_of_what_is_no_number_says_so_and_changes_nothing(state, value):
    state.set("k", value)
    with pytest.raises(StateError, match=r"'k' holds .* which is no number"):
        state.increment("k")
    assert state.get("k") == value


def test_increment_stays_within_64_bits(state):
    state.set("k", b"%d" % (2**63 - 1))
    with pytest.raises(WrongValue, match="64 bits"):
        state.increment("k")
    assert state.get("k") == b"%d" % (2**63 - 1)


def test_a_batch_is_seen_as_a_whole_after_its_end(state, clock):
    state.set("old", b"1")
    with Lifetime(clock, 500) as life, state.batch() as batch:
        batch.set("a", b"1")
        batch.set("b", b"2" * 600, ttl=500)
        batch.set("c", b"3" * 1_100_000)
        batch.delete("old")
        batch.set("a", b"last")
        assert state.keys() == ["old"]
    assert state.keys() == ["a", "b", "c"]
    assert state.get("a") == b"last"
    life.assert_left(state.ttl, "b")


def test_a_batch_that_raises_stores_nothing(state):
    state.set("old", b"1")
    with pytest.raises(RuntimeError, match="mine"), state.batch() as batch:  # noqa: PT012 - the block is the batch
        batch.set("a", b"1")
        batch.delete("old")
        raise RuntimeError("mine")
    assert state.keys() == ["old"]


def test_a_guard_that_does_not_match_stores_nothing_and_names_the_keys(state):
    state.set_many({"a": b"1", "b": b"2"})
    with (
        pytest.raises(StateConflict, match=r"'b', 'c' in .* changed meanwhile") as caught,
        state.batch(guard={"a": b"1", "b": b"0", "c": b"3"}) as batch,
    ):
        batch.set("x", b"1")
    assert caught.value.keys == ("b", "c")
    assert state.keys() == ["a", "b"]


def test_a_guard_that_matches_lets_the_batch_through(state):
    state.set("a", b"1")
    with state.batch(guard={"a": b"1", "b": None}) as batch:
        batch.set("b", b"2")
    assert state.get("b") == b"2"


def test_a_guard_sees_expiry(state, clock):
    state.set("lease", b"me", ttl=5)
    clock.now += 5
    with pytest.raises(StateConflict), state.batch(guard={"lease": b"me"}) as batch:
        batch.set("x", b"1")


def test_a_batch_that_has_ended_takes_no_more(state):
    with state.batch() as batch:
        batch.set("a", b"1")
    with pytest.raises(UsageError, match="ended"):
        batch.set("b", b"1")


def test_a_value_is_computed_once_for_many_threads(state, in_threads):
    calls = []

    def compute():
        calls.append(1)
        return b"computed"

    assert in_threads(32, lambda _: state.get_or_compute("k", compute)) == [b"computed"] * 32
    assert len(calls) == 1


def test_an_exception_is_not_stored(state, clock):
    with pytest.raises(ZeroDivisionError):
        state.get_or_compute("k", lambda: b"%d" % (1 // 0))
    with Lifetime(clock, 500) as life:
        assert state.get_or_compute("k", lambda: b"fine", ttl=500) == b"fine"
    life.assert_left(state.ttl, "k")


def test_increments_of_many_threads_add_up(state, in_threads, heavy):
    rounds = heavy(1000)

    def work(_):
        for _ in range(rounds):
            state.increment("n")

    in_threads(16, work)
    assert state.get("n") == b"%d" % (16 * rounds)


def test_threads_see_batches_whole(state, in_threads, heavy):
    rounds = heavy(300)
    state.set_many({"a": b"0", "b": b"0"})

    def work(number):
        for turn in range(rounds):
            if number == 0:
                state.set_many({"a": b"%d" % turn, "b": b"%d" % turn})
            else:
                seen = state.get_many(["a", "b"])
                assert seen["a"] == seen["b"]

    in_threads(4, work)


def test_a_thread_reads_what_another_has_written(state, in_threads):
    state.set("k", b"0")
    in_threads(2, lambda number: state.set(f"k{number}", b"1") or state.get("k"))
    assert state.keys() == ["k", "k0", "k1"]
    assert in_threads(4, lambda _: state.get("k1")) == [b"1"] * 4


def test_what_others_have_stored_while_it_was_computed_counts_even_if_it_is_empty(state):
    def compute():
        state.set("k", b"")
        return b"mine"

    assert state.get_or_compute("k", compute) == b""
