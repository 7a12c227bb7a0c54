"""What every store promises, whatever keeps its bytes."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from pforge_lab.errors import (
    PforgeError,
    StateClosed,
    StateConflict,
    StateError,
    UsageError,
    WrongType,
    WrongValue,
)
from tests.state.lifetime import Lifetime

SIZES = [0, 1, 511, 512, 513, 5000, 1_000_000, 1_048_576, 1_048_577, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_value_comes_back_as_it_was_stored(state, size):
    value = bytes(range(256)) * (size // 256 + 1)
    state.set("k", value[:size])
    assert state.get("k") == value[:size]
    assert bytes(state.get_buffer("k")) == value[:size]


def test_what_is_not_there_is_none(state):
    assert state.get("k") is None
    assert state.get_buffer("k") is None
    assert state.ttl("k") is None
    assert not state.exists("k")
    assert not state.delete("k")
    assert not state.expire("k", 5)
    assert state.keys() == []


@pytest.mark.parametrize("first", SIZES[:7])
@pytest.mark.parametrize("second", [0, 600, 1_100_000])
def test_the_last_value_stored_counts(state, first, second):
    state.set("k", b"a" * first, ttl=5)
    state.set("k", b"b" * second)
    assert state.get("k") == b"b" * second
    assert state.ttl("k") is None


def test_a_deleted_key_is_gone(state):
    for size in (1, 600, 1_100_000):
        state.set("k", b"a" * size)
        assert state.delete("k")
        assert state.get("k") is None
        assert not state.delete("k")


def test_a_buffer_outlives_a_change_of_its_key(state):
    value = b"a" * 2_000_000
    state.set("k", value)
    buffer = state.get_buffer("k")
    state.set("k", b"b")
    state.compact()
    assert buffer.readonly
    assert bytes(buffer) == value


def test_keys_are_sorted_by_code_point_and_filtered_by_prefix(state):
    names = ["b", "a/2", "a/10", "a", "é", "\U0001f600", "\uffff", "B", "a/\U0010ffff"]
    state.set_many(dict.fromkeys(names, b"x"))
    assert state.keys() == sorted(names)
    assert state.keys("a/") == ["a/10", "a/2", "a/\U0010ffff"]
    assert state.keys("zzz") == []


def test_many_values_are_read_and_written_together(state):
    state.set_many({f"k{number}": b"%d" % number for number in range(300)})
    assert state.get_many(["k299", "missing", "k0"]) == {"k299": b"299", "k0": b"0"}
    assert state.get_many([]) == {}


def test_many_values_are_stored_all_or_none(state):
    with pytest.raises(WrongType):
        state.set_many({"a": b"1", "b": "text"})
    assert state.keys() == []


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


def test_json_goes_in_and_out(state, clock):
    value = {"a": [1, 2.5, None, True], "é": "\U0001f600"}
    with Lifetime(clock, 500) as life:
        state.set_json("k", value, ttl=500)
    assert state.get_json("k") == value
    life.assert_left(state.ttl, "k")
    assert state.get_json("missing") is None
    assert state.get_json("missing", 7) == 7


def test_json_that_is_none_says_so(state):
    with pytest.raises(WrongType, match="'k' has no JSON form"):
        state.set_json("k", {1, 2})
    with pytest.raises(WrongValue, match="'k' has no JSON form"):
        state.set_json("k", math.nan)
    state.set("k", b"\xff")
    with pytest.raises(StateError, match="'k' does not hold JSON"):
        state.get_json("k")


@pytest.mark.parametrize("key", [1, None, b"bytes", ("a",)])
def test_a_key_that_is_no_str_is_refused(state, key):
    for call in (
        lambda: state.get(key),
        lambda: state.set(key, b""),
        lambda: state.delete(key),
        lambda: state.exists(key),
        lambda: state.get_many([key]),
        lambda: state.increment(key),
        lambda: state.compare_and_set(key, None, b""),
        lambda: state.get_buffer(key),
        lambda: state.ttl(key),
        lambda: state.expire(key, 1),
    ):
        with pytest.raises(WrongType, match="a key is a str"):
            call()


def test_an_unhashable_key_is_refused_like_any_other(state):
    with pytest.raises(WrongType, match="a key is a str, not list"):
        state.get([1])


@pytest.mark.parametrize(
    ("key", "words"), [("", "at least one"), ("\ud800", "UTF-8"), ("k" * 4097, "4096"), ("é" * 3000, "4096")]
)
def test_a_key_that_cannot_name_is_refused(state, key, words):
    with pytest.raises(WrongValue, match=words):
        state.set(key, b"")
    with pytest.raises(WrongValue, match=words):
        state.get(key)


@pytest.mark.parametrize("value", ["text", None, 1, bytearray(b"x"), memoryview(b"x")])
def test_a_value_that_is_not_bytes_is_refused(state, value):
    with pytest.raises(WrongType, match="the value of 'k' is bytes, not"):
        state.set("k", value)
    assert not state.exists("k")


@pytest.mark.parametrize("ttl", [-1, -0.001, math.nan, timedelta(seconds=-1)])
def test_a_lifetime_that_is_none_is_refused(state, ttl):
    with pytest.raises(WrongValue, match="0 or more seconds"):
        state.set("k", b"v", ttl=ttl)
    with pytest.raises(WrongValue, match="0 or more seconds"):
        state.expire("k", ttl)
    assert not state.exists("k")


def test_an_infinite_lifetime_is_for_ever_whatever_the_store_s_own_is(state, monkeypatch):
    """`math.inf` beats the store's default; without it the default counts."""
    monkeypatch.setattr(state, "default_ttl", 60.0)
    state.set_many({"kept": b"v"}, ttl=math.inf)
    state.set("gone", b"v")
    assert state.ttl("kept") is None
    assert 0 < state.ttl("gone") <= 60
    with pytest.raises(WrongValue, match="0 or more seconds"):
        state.expire("kept", math.inf)


@pytest.mark.parametrize("ttl", ["5", True, b"5"])
def test_a_lifetime_of_the_wrong_type_is_refused(state, ttl):
    with pytest.raises(WrongType, match="seconds or a timedelta"):
        state.set("k", b"v", ttl=ttl)


def test_errors_of_use_are_python_s_own_kinds_too(state):
    with pytest.raises(TypeError) as caught:
        state.set("k", "text")
    assert isinstance(caught.value, PforgeError)
    with pytest.raises(ValueError, match="at least one"):
        state.set("", b"")


def test_stats_count_keys_and_bytes_and_name_the_largest(state):
    state.set_many({f"k{number:02}": b"x" * number for number in range(20)})
    state.set("large", b"x" * 1_500_000)
    stats = state.stats()
    assert stats.keys == 21
    assert stats.bytes == sum(range(20)) + 1_500_000
    assert stats.largest[:2] == (("large", 1_500_000), ("k19", 19))
    assert len(stats.largest) == 10
    assert stats.url == state.url


def test_compacting_loses_nothing(state):
    for size in (10, 700, 1_100_000):
        for turn in range(3):
            state.set(f"k{size}", b"%d" % turn * size)
    state.delete("k10")
    state.compact()
    assert state.keys() == ["k1100000", "k700"]
    assert state.get("k700") == b"2" * 700
    assert state.get("k1100000") == b"2" * 1_100_000


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


def test_after_close_every_method_says_closed(state):
    state.set("k", b"v")
    state.close()
    state.close()
    assert state.closed
    for call in (
        lambda: state.get("k"),
        lambda: state.get("missing"),
        lambda: state.get_buffer("k"),
        lambda: state.set("k", b"v"),
        lambda: state.delete("k"),
        lambda: state.exists("k"),
        lambda: state.get_many(["k"]),
        lambda: state.set_many({"k": b"v"}),
        state.keys,
        lambda: state.compare_and_set("k", None, b"v"),
        lambda: state.increment("k"),
        lambda: state.get_json("k"),
        lambda: state.set_json("k", 1),
        lambda: state.get_or_compute("k", lambda: b"v"),
        lambda: state.ttl("k"),
        lambda: state.expire("k", 1),
        state.cleanup,
        state.stats,
        state.compact,
        lambda: state.batch().__enter__(),
        state.__enter__,
    ):
        with pytest.raises(StateClosed, match="is closed; open it again"):
            call()


def test_with_closes(backend):
    with backend.open() as state:
        state.set("k", b"v")
    assert state.closed


def test_a_repr_says_what_and_whether_it_is_open(state):
    assert state.url in repr(state)
    assert "open" in repr(state)
    state.close()
    assert "closed" in repr(state)
