"""What the memory store promises beyond the contract."""

from __future__ import annotations

import pytest

from pforge_lab.errors import StateFull
from pforge_lab.state import MemoryStateManager


@pytest.mark.usefixtures("restless")
def test_a_key_that_is_overwritten_is_never_missing_for_readers(in_threads):
    """Readers take no lock; between the old value and the new one there is no moment without any."""
    state = MemoryStateManager()
    state.set("k", b"0")

    def work(number):
        for turn in range(20_000):
            if number == 0:
                state.set("k", b"%d" % turn)
            else:
                assert state.get("k") is not None

    in_threads(3, work)


def test_memory_that_is_full_forgets_the_oldest_or_raises():
    """As ``evict`` says; where it raises nothing is stored."""
    forgetful = MemoryStateManager(max_bytes=4)
    strict = MemoryStateManager(max_bytes=4, evict="never")
    for state in (forgetful, strict):
        state.set_many({"a": b"1", "b": b"2"})
    forgetful.set("c", b"3")
    assert forgetful.keys() == ["b", "c"]
    with pytest.raises(StateFull):
        strict.set("c", b"3")
    assert strict.keys() == ["a", "b"]
