"""What is made of pieces does not depend on how many threads make it."""

from __future__ import annotations

import pytest

from pforge_lab.runs import hashing, threads


@pytest.mark.parametrize("worth", [1, 32])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 100, 129])
def test_every_piece_has_its_place(count, worth, monkeypatch):
    """Whichever thread worked on it."""
    monkeypatch.setattr(threads, "_THREADS", 4)
    assert threads.side_by_side(str, range(count), worth=worth) == [str(number) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 100])
def test_what_is_fetched_meanwhile_has_its_place_too(count):
    """Though the first may be done last."""
    assert threads.as_they_come(str, iter(range(count))) == [str(number) for number in range(count)]


def test_an_error_in_fetching_is_raised():
    """What cannot be read is an error, never the end."""
    with pytest.raises(ZeroDivisionError):
        threads.as_they_come(str, (1 / (2 - number) for number in range(9)))


@pytest.mark.parametrize("count", [1, 100])
def test_many_pieces_are_called_as_each_of_them_is(count, monkeypatch):
    """Chunks have the same names from several threads as from one."""
    monkeypatch.setattr(threads, "_THREADS", 4)
    pieces = [memoryview(b"%d" % number) for number in range(count)]
    assert hashing.identities(pieces) == tuple(map(hashing.identity, pieces))


def test_an_error_of_one_thread_is_raised(monkeypatch):
    """A piece that cannot be worked on is an error, never a missing result."""
    monkeypatch.setattr(threads, "_THREADS", 4)
    with pytest.raises(TypeError):
        hashing.identities([memoryview(b"a")] * 99 + [None])
