"""Who reads a ZODB file beside the process that writes it."""

from __future__ import annotations

import pytest

from pforge_lab.errors import (
    StateError,
    StateReadOnly,
)
from pforge_lab.state import open_state


def test_a_reader_sees_each_commit_of_another_process(path, elsewhere):
    elsewhere("state.set('k', b'0')")
    with open_state(path, mode="r") as reader:
        assert reader.get("k") == b"0"
        for turn in range(1, 30):
            elsewhere(f"state.set('k', b'{turn}'); state.set('k{turn}', b'x' * {turn * 100_000})")
            assert reader.get("k") == b"%d" % turn
            assert len(reader.get(f"k{turn}")) == turn * 100_000
        assert len(reader.keys()) == 30
        elsewhere("state.delete('k')")
        assert not reader.exists("k")


def test_a_reader_follows_through_compactions(path, elsewhere):
    elsewhere(
        "state.set_many({f'k{n}': b'%d' % n * 300 for n in range(2000)}); state.set('large', b'0' * 2_000_000)"
    )
    with open_state(path, mode="r") as reader:
        assert len(reader.keys()) == 2000 + 1
        for turn in range(5):
            elsewhere(
                f"state.set_many({{f'k{{n}}': b'{turn}' for n in range(0, 2000, 7)}}); state.set('large', b'{turn}' * 2_000_000)"
            )
            elsewhere("state.compact()")
            assert reader.get("k0") == b"%d" % turn
            assert reader.get("large") == b"%d" % turn * 2_000_000
            assert reader.get("k1999") == b"1999" * 300
            elsewhere(f"state.set('after', b'{turn}')")
            assert reader.get("after") == b"%d" % turn


def test_a_reader_never_sees_half_a_batch_or_a_false_alarm(path, elsewhere, heavy):
    elsewhere("state.set_many({'a': b'0', 'b': b'0'})")
    elsewhere(
        "import threading; thread = threading.Thread(target=lambda: "
        f"[state.set_many({{'a': b'%d' % n, 'b': b'%d' % n, 'c': b'x' * (n % 7) * 1000}}) or n % 200 or state.compact() for n in range({heavy(5000)})]); "
        "thread.start()"
    )
    with open_state(path, mode="r") as reader:
        while reader.get("a") != b"%d" % (heavy(5000) - 1):
            seen = reader.get_many(["a", "b"])
            assert seen["a"] == seen["b"]
    elsewhere("thread.join()")


def test_a_reader_writes_nothing(path):
    with open_state(path) as state:
        state.set("k", b"v")
    before = {entry: entry.stat().st_mtime_ns for entry in path.parent.rglob("*")}
    with open_state(path, mode="r") as reader:
        assert reader.mode == "r"
        for call in (
            lambda: reader.set("k", b"w"),
            lambda: reader.delete("k"),
            lambda: reader.increment("n"),
            lambda: reader.expire("k", 1),
            lambda: reader.compare_and_set("k", b"v", b"w"),
            lambda: reader.batch().__enter__(),
            reader.cleanup,
            reader.compact,
        ):
            with pytest.raises(StateReadOnly, match="mode='r'"):
                call()
        assert reader.get("k") == b"v"
        assert reader.stats().keys == 1
    assert {entry: entry.stat().st_mtime_ns for entry in path.parent.rglob("*")} == before


def test_reading_what_does_not_exist_says_so_and_creates_nothing(path):
    with pytest.raises(StateError, match="does not exist, and mode='r' creates nothing"):
        open_state(path, mode="r")
    assert list(path.parent.iterdir()) == []
