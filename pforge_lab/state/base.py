"""The contract of a store: bytes under keys, with expiry, atomic batches and compare-and-set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pforge_lab.state import values
from pforge_lab.state.aio import AsyncState
from pforge_lab.state.checks import check_key, check_prefix, check_seconds, check_value
from pforge_lab.state.keyed_locks import KeyedLocks
from pforge_lab.state.reads import Reads
from pforge_lab.state.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pforge_lab.state.handle import Mode
    from pforge_lab.state.shelf import StateShelf
    from pforge_lab.state.stats import StateStats
    from pforge_lab.widgets.store_browser import StoreBrowser


class StateManager(Reads, Writes):
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
    StateFull
        By every method that writes, when there is no room. What was stored before stands.
    StateCorrupt
        By every method that meets what is damaged, which is never returned.
    StateError
        By every method, when the file, the database or the server fails; `OutcomeUnknown` when that
        was at the end of a write, so that it may be stored or not. By one that writes, when other
        processes have changed the same keys for 30 seconds on end.
    WrongType, WrongValue
        For a key, value or ttl that is none.

    Notes
    -----
    Time grows with the bytes that are read or written and hardly with the number of keys; methods
    for which that is not so say it. A write ends when it is durable: in a file after one sync of
    the disk, which threads that write at the same time share, on a server with its answer.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> with open_state("memory:example") as state:
    ...     state.set("greeting", b"hello", ttl=60)
    ...     state.get("greeting"), state.get("nothing")
    (b'hello', None)
    """

    __handed_out_by_runs__ = True  # a tool's parameter annotated with it is given the run's own

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

    # -- values of other kinds

    def get_json(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key`` read as JSON, or ``default`` if there is none.

        Raises
        ------
        StateError
            If the value is no JSON.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"[1, 2]")
        >>> state.get_json("a"), state.get_json("b", default=0)
        ([1, 2], 0)
        """
        value = self.get(key)
        return default if value is None else values.from_json(key, value)

    def set_json(self, key: str, value: Any, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key`` as JSON: None, bool, int, float, str, and lists and dicts of them.

        It lives for ``ttl``, in seconds or a timedelta, as in ``set``.

        Raises
        ------
        WrongType, WrongValue
            If it has no JSON form; NaN and infinities have none.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set_json("a", {"n": 1})
        >>> state.get("a")
        b'{"n":1}'
        """
        self.set(key, values.to_json(check_key(key), value), ttl)

    def get_or_compute(
        self, key: str, compute: Callable[[], bytes], ttl: float | timedelta | None = None
    ) -> bytes:
        """Return the value of ``key``; if there is none, compute and store it.

        In one process ``compute`` runs once however many threads ask: the others wait for
        it. Processes do not wait for each other: each may compute once, the first value
        stored wins and is returned by all. An exception is not stored; the next caller
        computes again. What was computed lives for ``ttl``, in seconds or a timedelta, as in ``set``.

        Raises
        ------
        WrongType
            If ``compute`` returns anything but bytes.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.get_or_compute("a", lambda: b"computed"), state.get_or_compute("a", lambda: b"again")
        (b'computed', b'computed')
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
            first = self.get(key)
            return computed if first is None else first

    def ui(self) -> StoreBrowser:
        """Return a browser of the keys, for a notebook: search, sizes, lifetimes, values, delete with undo.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> type(state.ui()).__name__
        'StoreBrowser'
        """
        from pforge_lab.widgets.store_browser import StoreBrowser  # noqa: PLC0415 - a view, and ipywidgets is slow to import

        return StoreBrowser(self)

    def shelf(self, prefix: str = "", protocol: int | None = None, *, writeback: bool = False) -> StateShelf:
        """Return the keys that begin with ``prefix`` as a ``shelve.Shelf`` of Python objects.

        Reading a value unpickles it, as shelve does, and so can execute code: use it only on
        stores you trust. Closing the shelf leaves the store open.

        Parameters
        ----------
        prefix
            Before every key of the shelf.
        protocol
            Of pickle; None for pickle's default.
        writeback
            Whether ``shelf["list"].append(1)`` is kept: what was read is written back by ``sync``.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> with state.shelf("mine/") as shelf:
        ...     shelf["a"] = [1, 2]
        >>> state.keys()
        ['mine/a']
        """
        from pforge_lab.state.shelf import StateMapping, StateShelf  # noqa: PLC0415 - it is built on this class

        self.check_open()
        self.hold()
        return StateShelf(StateMapping(self, check_prefix(prefix)), protocol, writeback)

    @property
    def aio(self) -> AsyncState:
        """The same methods, awaitable.

        Examples
        --------
        >>> import asyncio
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> asyncio.run(state.aio.increment("a"))
        1
        """
        if self._aio is None:
            self._aio = self._awaitable()
        return self._aio

    def _awaitable(self) -> AsyncState:
        return AsyncState(self)

    # -- the store as a whole

    def cleanup(self) -> int:
        """Give the space of expired keys back and return how many there were.

        Stores in files and databases do it of themselves, once a minute while they are written, and
        read the expired keys alone. Redis removes them itself: there it is always 0.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1", ttl=0)
        >>> state.cleanup()
        1
        """
        self.check_writable()
        return self._cleanup()

    def stats(self) -> StateStats:
        """Return what the store holds; reads every key, so it takes time on large stores.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"12345")
        >>> state.stats().keys
        1
        """
        self.check_open()
        return self._stats()

    def compact(self) -> None:
        """Give the space of deleted and overwritten values back to the disk, where there is one.

        A file is written anew beside itself, which takes as much free disk as it has bytes.

        Raises
        ------
        StateFull
            If the disk has no room for that. Nothing was changed.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1")
        >>> deleted = state.delete("a")
        >>> state.compact()
        """
        self.check_writable()
        self._compact()

    def close(self) -> None:
        """Let go of the store. The last of its holders closes it; closing what is closed does nothing.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.close()
        >>> state.close()
        >>> state.closed
        True
        """
        super().close()
        if self.closed and self._aio is not None:
            self._aio.shut_down()
