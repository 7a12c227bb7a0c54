"""What every store promises, whatever keeps its bytes: values, keys, figures, closing."""

from __future__ import annotations

import pytest

from pforge_lab.errors import (
    StateClosed,
    WrongType,
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


def test_json_goes_in_and_out(state, clock):
    value = {"a": [1, 2.5, None, True], "é": "\U0001f600"}
    with Lifetime(clock, 500) as life:
        state.set_json("k", value, ttl=500)
    assert state.get_json("k") == value
    life.assert_left(state.ttl, "k")
    assert state.get_json("missing") is None
    assert state.get_json("missing", 7) == 7


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


@pytest.mark.usefixtures("restless")
def test_who_reads_while_it_is_closed_is_told_so(backend, in_threads):
    """And nothing else, in no thread: no query loses its connection. Nor does the store stay locked, which is opened again."""
    for _ in range(5 if backend.shared else 40):
        state = backend.open()
        state.set_many({f"k{number}": b"v" * 600 for number in range(100)})

        def work(number, state=state):
            try:
                for turn in range(100):
                    state.get(f"k{turn}")
                    if number == 0 and turn == 20:
                        state.close()
            except StateClosed:
                return True
            return False

        assert any(in_threads(4, work))


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("size", [8, 6000])
def test_what_is_written_is_read_from_then_on(state, in_threads, size):
    """By the thread that wrote it and by the others, be it one read after a write or many: nothing goes back."""

    def work(number):
        seen = dict.fromkeys(range(3), 0)
        for turn in range(1, 25):
            state.set(f"k{number}", b"%d " % turn + bytes(size))
            assert state.get(f"k{number}").startswith(b"%d " % turn)
            for other in [*range(3)] * (40 if turn % 8 == 0 else 1):
                value = int((state.get(f"k{other}") or b"0 ").split()[0].rstrip(b"\0"))
                assert value >= seen[other]
                seen[other] = value

    in_threads(3, work)


def test_with_closes(backend):
    with backend.open() as state:
        state.set("k", b"v")
    assert state.closed


def test_a_repr_says_what_and_whether_it_is_open(state):
    assert state.url in repr(state)
    assert "open" in repr(state)
    state.close()
    assert "closed" in repr(state)
