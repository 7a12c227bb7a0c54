"""A store with what was read lately kept in memory."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pforge_lab.errors import WrongValue
from pforge_lab.interrupts import uninterrupted
from pforge_lab.state.base import StateManager
from pforge_lab.state.checks import check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pforge_lab.state.stats import StateStats
    from pforge_lab.state.transaction import Transaction

T = TypeVar("T")
_OVERHEAD = 200  # bytes that an entry costs beside its key and value, roughly


@dataclass(frozen=True, slots=True)
class CacheStats:
    """How well a cache serves.

    Attributes
    ----------
    hits, misses
        Reads that were answered from memory, and from the store.
    evicted
        Entries that had to make room.
    entries, bytes
        What is kept now: bytes of keys and values, and about 200 for each entry.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> CachedStateManager(MemoryStateManager()).cache_stats()
    CacheStats(hits=0, misses=0, evicted=0, entries=0, bytes=0)
    """

    hits: int
    misses: int
    evicted: int
    entries: int
    bytes: int


class CachedStateManager(StateManager):
    """A store whose ``get`` answers from memory what it has read lately, absent keys included.

    Within this process reads are never stale: each write through this object takes the keys
    it changes out of the cache. What *another* process writes is seen by ``get``,
    ``get_json`` and ``get_or_compute`` after at most ``ttl`` seconds. All other methods ask
    the store itself, so counters, guards and ``compare_and_set`` are always right.

    Parameters
    ----------
    backend
        The store. Write through this object only. It is closed with this object.
    ttl
        How old an answer from memory may be, in seconds or a timedelta.
    max_bytes
        Most bytes kept, counted as in `CacheStats`; what was not read for the longest time makes
        room.

    Raises
    ------
    WrongType, WrongValue
        For a ttl that is none, or a ``max_bytes`` below 1.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> state = CachedStateManager(MemoryStateManager(), ttl=5)
    >>> state.get("k"), state.get("k"), state.set("k", b"v"), state.get("k")
    (None, None, None, b'v')
    >>> state.cache_stats().hits, state.cache_stats().misses
    (1, 2)
    """

    def __init__(
        self, backend: StateManager, ttl: float | timedelta = 1.0, max_bytes: int = 64 << 20
    ) -> None:
        super().__init__(backend.url, mode=backend.mode, ttl=backend.default_ttl, clock=backend.clock)
        if max_bytes < 1:
            raise WrongValue(f"max_bytes is 1 or more, not {max_bytes}")
        self.backend = backend
        self.max_value_bytes = backend.max_value_bytes
        self._staleness = check_seconds(ttl)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[bytes | None, float]] = OrderedDict()
        self._bytes = 0
        self._changes = 0
        self._hits = self._misses = self._evicted = 0

    def cache_stats(self) -> CacheStats:
        """Return how well the cache serves.

        Examples
        --------
        >>> from pforge_lab.state import CachedStateManager, MemoryStateManager
        >>> state = CachedStateManager(MemoryStateManager())
        >>> state.set("a", b"1")
        >>> state.get("a")
        b'1'
        >>> state.cache_stats().entries
        1
        """
        with self._lock:
            return CacheStats(self._hits, self._misses, self._evicted, len(self._entries), self._bytes)

    def _get(self, key: str) -> bytes | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and self.clock() < entry[1]:
                self._entries.move_to_end(key)
                self._hits += 1
                return entry[0]
            self._misses += 1
            changes = self._changes
        until = min(self.clock() + self._staleness, self.backend._expiry(key) or math.inf)  # noqa: SLF001 - a backend's protocol
        value = self.backend.get(key)
        with self._lock:
            if changes == self._changes:  # else the value may be older than a write that has ended meanwhile
                self._keep(key, value, until)
        return value

    def _get_buffer(self, key: str) -> memoryview | None:
        return self.backend.get_buffer(key)

    def _get_many(self, keys: list[str]) -> dict[str, bytes]:
        return self.backend.get_many(keys)

    def _keys(self, prefix: str) -> list[str]:
        return self.backend.keys(prefix)

    def _expiry(self, key: str) -> float | None:
        return self.backend._expiry(key)  # noqa: SLF001 - a backend's protocol

    def _transact(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        touched: set[str] = set()
        with uninterrupted():  # else what was written could stay here as it was before
            try:
                return self.backend._transact(  # noqa: SLF001 - a backend's protocol
                    lambda transaction: work(_Noted(transaction, touched)), durable=durable
                )
            finally:
                with self._lock:
                    self._changes += 1
                    for key in touched:
                        self._drop(key)

    def _cleanup(self) -> int:
        return self.backend.cleanup()

    def _stats(self) -> StateStats:
        return self.backend.stats()

    def _compact(self) -> None:
        self.backend.compact()

    def _close(self) -> None:
        with self._lock:
            self._entries.clear()
            self._bytes = 0
        self.backend.close()

    def _keep(self, key: str, value: bytes | None, until: float) -> None:
        self._drop(key)
        size = _size(key, value)
        if size > self._max_bytes:
            return
        self._entries[key] = (value, until)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))
            self._evicted += 1

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(key, entry[0])


class _Noted:
    """A transaction that notes which keys it touches."""

    def __init__(self, transaction: Transaction, touched: set[str]) -> None:
        self._transaction = transaction
        self._touched = touched

    def get(self, key: str) -> bytes | None:
        self._touched.add(key)
        return self._transaction.get(key)

    def expires(self, key: str) -> float | None:
        self._touched.add(key)
        return self._transaction.expires(key)

    def put(self, key: str, value: bytes, expires: float | None) -> None:
        self._touched.add(key)
        self._transaction.put(key, value, expires)

    def touch(self, key: str, expires: float | None) -> None:
        self._touched.add(key)
        self._transaction.touch(key, expires)

    def delete(self, key: str) -> bool:
        self._touched.add(key)
        return self._transaction.delete(key)


def _size(key: str, value: bytes | None) -> int:
    return len(key) + len(value or b"") + _OVERHEAD
