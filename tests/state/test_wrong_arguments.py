"""What every store says of keys, values and lifetimes that are none."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from pforge_lab.errors import (
    PforgeError,
    StateError,
    WrongType,
    WrongValue,
)


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


def test_a_value_beyond_the_largest_is_refused_before_anything_is_sent(state):
    """A store that has a limit of its own names it."""
    limit = state.max_value_bytes
    if limit is None:
        return
    with pytest.raises(WrongValue, match=f"holds at most {limit:,} under one key"):
        state.set("k", bytes(limit + 1))
    assert state.get("k") is None
