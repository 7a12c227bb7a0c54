"""From URLs and paths to open stores."""

from __future__ import annotations

import pytest

from pforge_lab.errors import UsageError
from pforge_lab.state import open_state


def test_an_open_url_is_the_same_object_and_closes_with_its_last_holder():
    first = open_state("memory:same")
    second = open_state("memory:same")
    assert first is second
    first.close()
    second.set("k", b"v")
    second.close()
    assert first.closed
    with open_state("memory:same") as third:
        assert third is not first
        assert third.keys() == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memori:", "did you mean 'memory'"),
        ("http://x", "no kind of store known here"),
        ("lab", r"a path that ends in \.fs"),
        ("", r"a path that ends in \.fs"),
    ],
)
def test_what_names_no_store_says_what_would(url, words):
    with pytest.raises(UsageError, match=words):
        open_state(url)


def test_options_that_differ_from_the_open_store_are_refused():
    with open_state("memory:options", ttl=5) as state:
        with open_state("memory:options", ttl=5) as same:
            assert same is state
        with pytest.raises(UsageError, match="other options"):
            open_state("memory:options", ttl=6)


def test_memory_cannot_be_opened_to_read_what_is_not_there():
    with pytest.raises(UsageError, match="nothing to read"):
        open_state("memory:none", mode="r")


def test_a_mode_that_is_none_is_refused():
    with pytest.raises(UsageError, match="mode"):
        open_state("memory:mode", mode="a")
