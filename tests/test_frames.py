"""Pickle streams without frames: they load as before, and keep their bytes where nothing has changed."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings, strategies as st

from pforge_lab.frames import unframed
from pforge_lab.serialization import pack, unpack

LARGE = 70_000  # bytes: more than a frame takes

VALUES = {
    "nothing": None,
    "a small list": [1, 2, 3],
    "a long list": list(range(50_000)),
    "a long dict": {f"key {number}": number / 7 for number in range(20_000)},
    "large texts": ["a" * LARGE, "ä" * LARGE, "b"],
    "large bytes": [bytes(LARGE), bytearray(LARGE), b"end"],
    "large bytes at the end": (1, bytes(LARGE)),
    "bytes that look like a stream": [pickle.dumps(list(range(60_000)), protocol=5)] * 2,
    "bytes that look like a frame": pickle.FRAME + (LARGE).to_bytes(8, "little") + bytes(LARGE),
    "large numbers": [1 << 700_000, -1],
    "nested": [[{"a": [number]}] for number in range(20_000)],
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("protocol", [4, 5])
def test_a_stream_without_frames_loads_as_before(name, protocol):
    """Whatever stands between the frames is left as it is."""
    value = VALUES[name]
    stream = unframed(pickle.dumps(value, protocol=protocol))
    assert pickle.loads(stream) == value
    assert len(stream) <= len(pickle.dumps(value, protocol=protocol))


def test_the_safe_unpickler_takes_it():
    """Frames are no part of what it checks."""
    value = VALUES["a long dict"]
    assert unpack(pack(value).stream, trusted=False) == value


@pytest.mark.parametrize("stream", [b"", b"\x80", b"\x80\x05\x95", b"\x80\x05\x95" + b"\xff" * 8, b"(lp0\n."])
def test_what_is_no_such_stream_is_left_alone(stream):
    """A stream that is cut off, or of another protocol, is not guessed at."""
    assert unframed(stream) == stream


@given(
    values=st.recursive(
        st.integers() | st.text() | st.binary() | st.floats(allow_nan=False) | st.none(),
        lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    ),
    times=st.sampled_from([1, 40, 400]),
)
@settings(max_examples=50, deadline=None)
def test_any_value_comes_back(values, times):
    """Of one frame or of many."""
    value = [values, "x" * LARGE, *([values] * times)]
    assert pickle.loads(unframed(pickle.dumps(value, protocol=5))) == value


def test_a_longer_element_moves_what_is_behind_it_and_changes_nothing_else():
    """Frames would stand elsewhere behind it."""
    before = [number % 200 for number in range(300_000)]
    after = [*before[:5], 70_000, *before[6:]]
    first, second = pack(before).stream, pack(after).stream
    assert first[-500_000:] == second[-500_000:]
