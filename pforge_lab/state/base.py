"""The contract of a store: bytes under keys, with expiry, atomic batches and compare-and-set."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pforge_lab.errors import StateConflict, WrongValue
from pforge_lab.state import transaction as transactions, values
from pforge_lab.state.aio import AsyncState
from pforge_lab.state.batch import Batch, BatchChanges
from pforge_lab.state.checks import check_integer, check_key, check_prefix, check_seconds, check_value
from pforge_lab.state.keyed_locks import KeyedLocks
from pforge_lab.state.primitives import Primitives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import timedelta

    from pforge_lab.state.handle import Mode
    from pforge_lab.state.shelf import StateShelf
    from pforge_lab.state.stats import StateStats
    from pforge_lab.state.transaction import Transaction
    from pforge_lab.widgets.store_browser import StoreBrowser

T = TypeVar("T")


class StateManager(Primitives):
    """Bytes under keys. Every backend keeps the promises made here, or raises.

    Keys are non-empty ``str`` of at most 4096 bytes of UTF-8, values ``bytes``. A lifetime
    (``ttl``) is in seconds or a timedelta and is exact to 50 ms: an expired key is absent
    for every method from that moment on, and its space is given back by ``cleanup()``.
    Every method is one atomic step for all threads, processes and machines that share the
    store, and safe to call from any thread.

    Parameters
    ----------
    url
        Opens the same store again with ``open_state``.
    mode
        ``"w"`` to read and write, ``"r"`` to read.
    ttl
        Lifetime of values that are stored without one; None for ever.
    clock
        Returns the time in seconds. Stores that outlive the process need the time of day.

    Raises
    ------
    StateClosed
        By every method after ``close()``.
    StateReadOnly
        By every method that writes, when opened with ``mode="r"``.
    WrongType, WrongValue
        For a key, value or ttl that is none.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> with open_state("memory:example") as state:
    ...     state.set("greeting", b"hello", ttl=60)
    ...     state.get("greeting"), state.get("nothing")
    (b'hello', None)
    """

    #: Largest value the backend can hold, in bytes; None for no limit but the disk's.
    max_value_bytes: int | None = None

    def __init__(
        self,
        url: str,
        *,
        mode: Mode = "w",
        ttl: float | timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(url, mode)
        self.default_ttl = None if ttl is None else check_seconds(ttl)
        self.clock = clock
        self._computing = KeyedLocks()
        self._aio: AsyncState | None = None

    # -- reading

    def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None if there is none."""
        self.check_open()
        return self._get(check_key(key))

    def get_buffer(self, key: str) -> memoryview | None:
        """Return the value as a read-only memoryview, or None; cheap for large values where the backend can map them.

        A mapped value is not verified against its checksum, which would read all of it;
        ``get`` verifies. The view stays valid after the key is changed or the store closed.
        """
        self.check_open()
        return self._get_buffer(check_key(key))

    def exists(self, key: str) -> bool:
        """Return whether ``key`` has a value, without reading it."""
        self.check_open()
        return self._expiry(check_key(key)) is not None

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those of ``keys`` that have one, all read at the same moment."""
        self.check_open()
        return self._get_many([check_key(key) for key in keys])

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that start with ``prefix``, sorted by code point."""
        self.check_open()
        return self._keys(check_prefix(prefix))

    def ttl(self, key: str) -> float | None:
        """Return the seconds ``key`` has left, or None if it never expires or does not exist."""
        self.check_open()
        expires = self._expiry(check_key(key))
        return None if expires is None or expires == math.inf else max(0.0, expires - self.clock())

    # -- writing

    def set(self, key: str, value: bytes, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key``; the previous value and its expiry are gone.

        Without a ``ttl`` the store's own counts, if it has one; ``math.inf`` is for ever whatever
        that is.

        Raises
        ------
        StateFull
            If there is no room. What was stored before stands.
        """
        self.check_writable()
        seconds = None if ttl is None else check_seconds(ttl, endless=True)
        self._store({}, {check_key(key): (check_value(value, key), seconds)})

    def set_many(self, mapping: Mapping[str, bytes], ttl: float | timedelta | None = None) -> None:
        """Store all values or, when anything is wrong, none."""
        with self.batch() as batch:
            for key, value in mapping.items():
                batch.set(key, value, ttl)

    def delete(self, key: str) -> bool:
        """Remove ``key`` and return whether it existed."""
        self.check_writable()
        check_key(key)
        return self._transact(lambda transaction: transaction.delete(key))

    def expire(self, key: str, ttl: float | timedelta | None) -> bool:
        """Let ``key`` live for ``ttl`` from now on, for ever if None; return whether it exists."""
        self.check_writable()
        check_key(key)
        seconds = None if ttl is None else check_seconds(ttl)
        return self._transact(lambda transaction: transactions.expire(transaction, key, self._until(seconds)))

    def compare_and_set(
        self, key: str, expected: bytes | None, new: bytes | None, ttl: float | timedelta | None = None
    ) -> bool:
        """Store ``new`` if the value is ``expected``, and return whether it was.

        None stands for no value: ``expected=None`` creates, ``new=None`` removes.
        """
        try:
            with self.batch({key: expected}) as batch:
                batch.replace(key, new, ttl)
        except StateConflict:
            return False
        return True

    def increment(self, key: str, by: int = 1, ttl: float | timedelta | None = None) -> int:
        """Add ``by`` to the number under ``key`` and return the sum; a missing key counts from 0.

        The number is kept as decimal text, within 64 bits. ``ttl`` counts from the moment the
        key is created: later increments leave its expiry as it is.

        Raises
        ------
        StateError
            If the value is not a number.
        """
        self.check_writable()
        check_key(key)
        check_integer(by, "by")
        seconds = self.default_ttl if ttl is None else check_seconds(ttl)
        return self._increment(key, by, seconds)

    @contextmanager
    def batch(self, guard: Mapping[str, bytes | None] | None = None) -> Iterator[Batch]:
        """Collect changes and store them together when the block ends, or none if it raises.

        Parameters
        ----------
        guard
            Values that keys must have at the moment the batch is stored; None for no value.

        Raises
        ------
        StateConflict
            If a guard does not match; ``keys`` of the error are those that differ.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> with state.batch(guard={"head": None}) as batch:
        ...     batch.set("head", b"1")
        >>> with state.batch(guard={"head": None}) as batch:
        ...     batch.set("head", b"2")
        Traceback (most recent call last):
        ...
        pforge_lab.errors.StateConflict: 'head' in memory: has changed meanwhile; nothing was stored, read it again
        """
        expected = self.check_guard(guard)
        batch = Batch()
        try:
            yield batch
        finally:
            batch.end()
        self.check_writable()
        self._store(expected, batch.changes)

    def check_guard(self, guard: Mapping[str, bytes | None] | None) -> dict[str, bytes | None]:
        """Return what a guard expects, once its keys and values are such and the store can be written."""
        self.check_writable()
        return {
            check_key(key): None if value is None else check_value(value, key)
            for key, value in (guard or {}).items()
        }

    # -- values of other kinds

    def get_json(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key`` read as JSON, or ``default`` if there is none."""
        value = self.get(key)
        return default if value is None else values.from_json(key, value)

    def set_json(self, key: str, value: Any, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` as JSON: None, bool, int, float, str, and lists and dicts of them."""
        self.set(key, values.to_json(check_key(key), value), ttl)

    def get_or_compute(
        self, key: str, compute: Callable[[], bytes], ttl: float | timedelta | None = None
    ) -> bytes:
        """Return the value of ``key``; if there is none, compute and store it.

        In one process ``compute`` runs once however many threads ask: the others wait for
        it. Processes do not wait for each other: each may compute once, the first value
        stored wins and is returned by all. An exception is not stored; the next caller
        computes again.
        """
        value = self.get(key)
        if value is not None:
            return value
        with self._computing.hold(key):
            value = self.get(key)
            if value is not None:
                return value
            computed = check_value(compute(), key)
            if self.compare_and_set(key, None, computed, ttl):
                return computed
            return self.get(key) or computed

    def ui(self) -> StoreBrowser:
        """Return a browser of the keys, for a notebook: search, sizes, lifetimes, values, delete with undo."""
        from pforge_lab.widgets.store_browser import StoreBrowser  # noqa: PLC0415 - a view, and ipywidgets is slow to import

        return StoreBrowser(self)

    def shelf(self, prefix: str = "", protocol: int | None = None, *, writeback: bool = False) -> StateShelf:
        """Return the keys that begin with ``prefix`` as a ``shelve.Shelf`` of Python objects.

        Reading a value unpickles it, as shelve does, and so can execute code: use it only on
        stores you trust. Closing the shelf leaves the store open.
        """
        from pforge_lab.state.shelf import StateMapping, StateShelf  # noqa: PLC0415 - it is built on this class

        self.check_open()
        self.hold()
        return StateShelf(StateMapping(self, check_prefix(prefix)), protocol, writeback)

    @property
    def aio(self) -> AsyncState:
        """The same methods, awaitable."""
        if self._aio is None:
            self._aio = self._awaitable()
        return self._aio

    def _awaitable(self) -> AsyncState:
        return AsyncState(self)

    # -- the store as a whole

    def cleanup(self) -> int:
        """Give the space of expired keys back and return how many there were."""
        self.check_writable()
        return self._cleanup()

    def stats(self) -> StateStats:
        """Return what the store holds; reads every key, so it takes time on large stores."""
        self.check_open()
        return self._stats()

    def compact(self) -> None:
        """Give the space of deleted and overwritten values back to the disk, where there is one."""
        self.check_writable()
        self._compact()

    def close(self) -> None:
        """Let go of the store. The last of its holders closes it; closing what is closed does nothing."""
        super().close()
        if self.closed and self._aio is not None:
            self._aio.shut_down()

    def _store(self, expected: dict[str, bytes | None], changes: BatchChanges) -> None:
        """Store the changes of a batch if its guard matches."""
        if expected or changes:
            self._transact(self.storing(expected, changes))

    def storing(
        self, expected: dict[str, bytes | None], changes: BatchChanges
    ) -> Callable[[Transaction], None]:
        """Return the work of storing ``changes`` if the values are those ``expected``; for backends.

        Raises
        ------
        StateConflict
            By the work, where a value differs.
        WrongValue
            A value is larger than the backend can hold.
        """
        self._check_sizes(changes)

        def work(transaction: Transaction) -> None:
            differing = transactions.misfits(transaction, expected)
            if differing:
                raise StateConflict(
                    f"{', '.join(map(repr, differing))} in {self.url} has changed meanwhile; nothing was stored, read it again",
                    url=self.url,
                    keys=differing,
                )
            for key, change in changes.items():
                if change is None:
                    transaction.delete(key)
                else:
                    value, seconds = change
                    transaction.put(key, value, self._until(self.default_ttl if seconds is None else seconds))

        return work

    def _check_sizes(self, changes: BatchChanges) -> None:
        limit = self.max_value_bytes
        for key, change in changes.items() if limit is not None else ():
            if change is not None and limit is not None and len(change[0]) > limit:
                raise WrongValue(
                    f"the value of {key!r} has {len(change[0]):,} bytes; {self.url} holds at most {limit:,} under one key",
                    key=key,
                )
