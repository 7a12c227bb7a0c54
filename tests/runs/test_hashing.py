"""What chunks are called does not depend on how many threads find it out."""

from __future__ import annotations

import pytest

from pforge_lab.runs import hashing


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 100, 129])
def test_many_pieces_are_called_as_each_of_them_is(count, monkeypatch):
    """Every piece has its name at its place, whichever thread hashed it."""
    monkeypatch.setattr(hashing, "_THREADS", 4)
    pieces = [memoryview(b"%d" % number) for number in range(count)]
    assert hashing.identities(pieces) == tuple(map(hashing.identity, pieces))


def test_an_error_of_one_thread_is_raised(monkeypatch):
    """A piece that cannot be hashed is an error, never a missing name."""
    monkeypatch.setattr(hashing, "_THREADS", 4)
    with pytest.raises(TypeError):
        hashing.identities([memoryview(b"a")] * 99 + [None])
