"""A store in the memory of this process."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pforge_lab.errors import StateFull, UsageError, WrongValue
from pforge_lab.interrupts import uninterrupted
from pforge_lab.state.base import StateManager
from pforge_lab.state.checks import check_key
from pforge_lab.state.stats import StateStats, StatsCounter
from pforge_lab.state.transaction import Change, Drop, Overlay, Put, Touch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from pforge_lab.state.batch import BatchChanges
    from pforge_lab.state.debt import Debt
    from pforge_lab.state.handle import Mode
    from pforge_lab.state.transaction import Transaction

T = TypeVar("T")

#: A value and when it expires. Entries are replaced, never changed, so that readers need no lock.
Entry = tuple[bytes, float | None]


class MemoryStateManager(StateManager):
    """A store that lives as long as the process; the same contract as the others, without the disk.

    Parameters
    ----------
    url
        ``memory:`` or ``memory:NAME``.
    max_bytes
        Most bytes of keys and values together; None for no limit.
    evict
        What to do when ``max_bytes`` is reached. ``"oldest"`` forgets what was written the
        longest ago, expired keys first. ``"never"`` raises ``StateFull`` and stores nothing.
    ttl, clock
        As for every store; ``ttl`` is in seconds or a timedelta.

    Raises
    ------
    WrongValue
        For a ``max_bytes`` or ``evict`` that is none.

    Examples
    --------
    >>> state = MemoryStateManager(max_bytes=4)
    >>> state.set_many({"a": b"1", "b": b"2"})
    >>> state.set("c", b"3")
    >>> state.keys(), state.get("a")
    (['b', 'c'], None)
    """

    def __init__(
        self,
        url: str = "memory:",
        *,
        max_bytes: int | None = None,
        evict: Literal["oldest", "never"] = "oldest",
        ttl: float | timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(url, ttl=ttl, clock=clock)
        if max_bytes is not None and max_bytes < 1:
            raise WrongValue(f"max_bytes is 1 or more, not {max_bytes}; leave it out for no limit")
        if evict not in ("oldest", "never"):
            raise WrongValue(f"evict is 'oldest' or 'never', not {evict!r}")
        self.max_bytes = max_bytes
        self.evict = evict
        self._entries: OrderedDict[str, Entry] = OrderedDict()  # in the order of writing
        self._bytes = 0
        self._lock = threading.RLock()
        self._debts: list[Debt] = []

    @classmethod
    def canonical_url(cls, _scheme: str, rest: str) -> str:
        """Return the URL under which the store is known in this process."""
        return f"memory:{rest}"

    @classmethod
    def open(cls, url: str, mode: Mode, **options: Any) -> Self:
        """Make the store of that URL."""
        if mode == "r":
            raise UsageError(
                f"{url} begins empty, so there is nothing to read with mode='r'; open it with mode='w'"
            )
        return cls(url, **options)

    def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None if there is none. Takes no lock, unless something is owed."""
        if self._debts:
            self.settle()
        try:
            entry = self._entries.get(key)
        except TypeError:  # an unhashable key; named as such below
            entry = None
        if entry is not None and entry[1] is None:
            return entry[0]
        self.check_open()
        return self._get(check_key(key))

    def owe(self, debt: Debt, item: Any, guard: Callable[[], Mapping[str, bytes | None]]) -> bool:
        """Accept a change that is put into bytes when somebody looks at the store; return whether it was.

        It is not where the store has a limit of bytes, or a guard does not match: a batch then says why.
        Nobody but its debtor owes changes of the keys of a guard. Whatever reads or changes the store,
        any key of it, finds all that is owed paid: so there is no need of a guard behind what is owed still.

        Examples
        --------
        >>> class Words:
        ...     items = []
        ...     def changes(self):
        ...         text, self.items = " ".join(self.items).encode(), []
        ...         return {"words": (text, None)}
        >>> state, words = MemoryStateManager(), Words()
        >>> state.owe(words, "hello", lambda: {"words": None}), state.owe(words, "again", dict)
        (True, True)
        >>> state.get("words"), state.owe(words, "again", lambda: {"words": None})
        (b'hello again', False)
        """
        with self._lock:
            if debt not in self._debts:
                if self.max_bytes is not None or self.closed or not self._matches(guard()):
                    return False
                self._debts.append(debt)
            debt.items.append(item)
            return True

    def _matches(self, guard: Mapping[str, bytes | None]) -> bool:
        entries = {key: self._live(key) for key in guard}
        return all((entry and entry[0]) == guard[key] for key, entry in entries.items())

    def settle(self) -> None:
        """Store what is owed.

        Examples
        --------
        >>> MemoryStateManager().settle()
        """
        if not self._debts:
            return
        with self._lock, uninterrupted():
            while self._debts:
                changes = self._debts[0].changes()
                for key, change in changes.items():
                    self._apply(key, self._change(change))
                del self._debts[0]  # last: who looks meanwhile waits for the lock

    def _get(self, key: str) -> bytes | None:
        self.settle()
        entry = self._live(key)
        return None if entry is None else entry[0]

    def _get_many(self, keys: list[str]) -> dict[str, bytes]:
        with self._lock:
            self.settle()
            return {key: entry[0] for key in keys if (entry := self._live(key)) is not None}

    def _keys(self, prefix: str) -> list[str]:
        with self._lock:
            self.settle()
            return sorted(key for key in self._entries if key.startswith(prefix) and self._live(key))

    def _expiry(self, key: str) -> float | None:
        self.settle()
        entry = self._live(key)
        return entry and (math.inf if entry[1] is None else entry[1])

    def _transact(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        del durable  # it survives nothing anyway
        with self._lock:
            self.settle()
            overlay = Overlay(self._get, self._expiry)
            result = work(overlay)
            self.check_open()
            with uninterrupted():
                self._make_room(overlay.changes)
                for key, change in overlay.changes.items():
                    self._apply(key, change)
            return result

    def _store(
        self, expected: dict[str, bytes | None], changes: BatchChanges, *, durable: bool = True
    ) -> None:
        """Store a batch without an overlay: once its guard fits and there is room, nothing can fail."""
        with self._lock:
            self.settle()
            self.check_open()
            if self.max_bytes is not None or not all(self._get(key) == expected[key] for key in expected):
                super()._store(expected, changes, durable=durable)
                return
            with uninterrupted() if len(changes) > 1 else nullcontext():
                for key, entry in [(key, self._change(change)) for key, change in changes.items()]:
                    self._apply(key, entry)

    def _change(self, change: tuple[bytes, float | None] | None) -> Put | Drop:
        return Drop() if change is None else Put(change[0], self._expires(change[1]))

    def _expires(self, seconds: float | None) -> float | None:
        return self._until(self.default_ttl if seconds is None else seconds)

    def _cleanup(self) -> int:
        with self._lock:
            self.settle()
            expired = [key for key in self._entries if self._live(key) is None]
            for key in expired:
                self._apply(key, Drop())
            return len(expired)

    def _stats(self) -> StateStats:
        counter = StatsCounter()
        with self._lock:
            self.settle()
            for key, (value, _) in self._entries.items():
                if self._live(key) is None:
                    counter.expired += 1
                else:
                    counter.add(key, len(value))
        return counter.stats(self.url)

    def _compact(self) -> None:
        """Do nothing: what is deleted is free at once."""

    def _close(self) -> None:
        with self._lock:
            self._debts.clear()
            self._entries = OrderedDict()
            self._bytes = 0

    def _live(self, key: str) -> Entry | None:
        entry = self._entries.get(key)
        if entry is None or (entry[1] is not None and entry[1] <= self.clock()):
            return None
        return entry

    def _apply(self, key: str, change: Change) -> None:
        old = self._entries.get(key)
        if isinstance(change, Touch):
            if old is not None:
                self._entries[key] = (old[0], change.expires)
            return
        if old is not None:
            self._bytes -= _size(key, old[0])
        if isinstance(change, Put):  # in one go: readers without a lock never miss a key that is overwritten
            self._entries[key] = (change.value, change.expires)
            self._entries.move_to_end(key)
            self._bytes += _size(key, change.value)
        elif old is not None:
            del self._entries[key]

    def _make_room(self, changes: dict[str, Change]) -> None:
        """Evict until the changes fit, or raise before any of them is applied."""
        if self.max_bytes is None:
            return
        excess = (
            self._bytes + sum(self._growth(key, change) for key, change in changes.items()) - self.max_bytes
        )
        if excess <= 0:
            return
        leaving: list[str] = []
        for key in self._candidates(changes):
            leaving.append(key)
            excess -= _size(key, self._entries[key][0])
            if excess <= 0:
                break
        else:
            raise StateFull(
                f"{self.url} is full: {self.max_bytes:,} bytes allowed, {excess:,} too few for this; delete keys or raise max_bytes",
                url=self.url,
            )
        for key in leaving:
            self._apply(key, Drop())

    def _candidates(self, changes: dict[str, Change]) -> list[str]:
        kept = [key for key in self._entries if key not in changes]
        expired = [key for key in kept if self._live(key) is None]
        if self.evict == "never":
            return expired
        return expired + [key for key in kept if self._live(key) is not None]

    def _growth(self, key: str, change: Change) -> int:
        if isinstance(change, Touch):
            return 0
        old = self._entries.get(key)
        before = 0 if old is None else _size(key, old[0])
        return (_size(key, change.value) if isinstance(change, Put) else 0) - before


def _size(key: str, value: bytes) -> int:
    return len(key.encode()) + len(value)
