"""What a store holds, at a glance."""

from __future__ import annotations

import heapq
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StateStats:
    """What a store holds.

    Attributes
    ----------
    url
        Which store.
    keys
        Live keys.
    bytes
        Bytes of their values.
    expired
        Keys whose time is over and which ``cleanup()`` would remove.
    file_bytes
        Bytes on disk, side files and large values included; None where there is no file to measure.
    largest
        The ten largest values as ``(key, bytes)``, largest first.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> state = MemoryStateManager()
    >>> state.set_many({"a": b"1", "b": b"123"})
    >>> stats = state.stats()
    >>> stats.keys, stats.bytes, stats.largest
    (2, 4, (('b', 3), ('a', 1)))
    """

    url: str
    keys: int
    bytes: int
    expired: int
    file_bytes: int | None = None
    largest: tuple[tuple[str, int], ...] = ()

    def _repr_html_(self) -> str:
        from pforge_lab.views.keys import stats_html  # noqa: PLC0415 - a view

        return stats_html(self)


class StatsCounter:
    """Add up the entries of a store one by one, in memory that does not grow with their number.

    Examples
    --------
    >>> counter = StatsCounter()
    >>> counter.add("a", 3)
    >>> counter.add("b", 5)
    >>> counter.stats("memory:").largest
    (('b', 5), ('a', 3))
    """

    LARGEST = 10

    def __init__(self) -> None:
        self.keys = 0
        self.bytes = 0
        self.expired = 0
        self._largest: list[tuple[int, str]] = []

    def add(self, key: str, size: int) -> None:
        """Count a live entry."""
        self.keys += 1
        self.bytes += size
        if len(self._largest) < self.LARGEST:
            heapq.heappush(self._largest, (size, key))
        elif size > self._largest[0][0]:
            heapq.heapreplace(self._largest, (size, key))

    def stats(self, url: str, file_bytes: int | None = None) -> StateStats:
        """Return the sums."""
        largest = tuple(
            (key, size) for size, key in sorted(self._largest, key=lambda pair: (-pair[0], pair[1]))
        )
        return StateStats(url, self.keys, self.bytes, self.expired, file_bytes, largest)
