"""A store in any ZODB database: the contract on views and a writer."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from ZODB.POSException import ConflictError, POSError, POSKeyError, ReadOnlyError

from pforge_lab.errors import StateError
from pforge_lab.state.base import StateManager
from pforge_lab.state.checks import check_key
from pforge_lab.state.stats import StateStats, StatsCounter
from pforge_lab.state.zodb.faults import named, patiently
from pforge_lab.state.zodb.layout import PLAIN, head_of, lay_out, our_class
from pforge_lab.state.zodb.lean import LeanDB
from pforge_lab.state.zodb.turns import NoTurns
from pforge_lab.state.zodb.view import View, give_back
from pforge_lab.state.zodb.writer import ELSEWHERE, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from pathlib import Path

    from pforge_lab.state.handle import Mode
    from pforge_lab.state.transaction import Transaction
    from pforge_lab.state.zodb.turns import Turns

T = TypeVar("T")
_CACHE_BYTES = 64 << 20
_SWEEP_SECONDS = 60.0
_NEVER = object()


class ObjectStateManager(StateManager):
    """A store in a ZODB database.

    Reads take no lock and see all of the store as of the last commit they can know of: each
    thread has a view of its own, which moves only when something was committed. Writes of
    all threads are committed in groups.

    Parameters
    ----------
    alone
        Whether nobody but this object writes, so that what it knows is always the newest.
    cache_size
        Objects each thread's view keeps in memory; a leaf of the tree holds about ten keys.
    """

    def __init__(
        self,
        url: str,
        *,
        mode: Mode,
        alone: bool,
        cache_size: int,
        ttl: float | timedelta | None,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(url, mode=mode, ttl=ttl, clock=clock)
        self._alone = alone
        self._cache_size = cache_size
        self._pid = os.getpid()
        self._version: object = object()  # replaced after each commit; views compare it by identity
        self._fresh: object = _NEVER  # the version that is read without asking whether others have written
        self._local = threading.local()
        self._views: weakref.WeakSet[View] = weakref.WeakSet()
        self._gate = threading.RLock()  # held where views are opened, given back, and closed with the store
        self._swept = clock()
        self._turns: Turns = NoTurns()

    def _start(self, storage: Any, temporary: Path | None) -> None:
        """Open the database on ``storage``; called once by the backend when the storage is open."""
        self._storage = storage
        with named(self.url):
            self._db = self._database(storage)
            if self.mode == "r":
                self._local.view = self._new_view()
                return
            self._lay_out()
            self._writer = Writer(
                self._new_view(),
                self.url,
                published=self._publish,
                temporary=temporary,
                shared=not self._alone,
                patient=self._wait_for_disk,
                dead=self._count_dead,
                turns=self._turns,
            )
            self._publish()

    def _database(self, storage: Any) -> LeanDB:
        try:
            return patiently(
                lambda: LeanDB(
                    storage,
                    cache_size=self._cache_size,
                    cache_size_bytes=_CACHE_BYTES,
                    pool_size=1_000_000,  # the pool is for counting; views close with their threads
                    class_factory=our_class,
                )
            )
        except ReadOnlyError as error:
            raise StateError(
                f"{self.url} holds nothing yet; open it with mode='w' first", url=self.url
            ) from error

    def _lay_out(self) -> None:
        def attempt() -> None:
            with self._db.transaction() as connection:
                root = connection.root()
                if not root:
                    lay_out(root)

        patiently(attempt)

    # -- reading

    def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, verified, or None if there is none."""
        try:
            view = self._local.view
            if view.version is self._fresh:
                entry = view.tree.get(key)
                if type(entry) is bytes and entry[0] == PLAIN:
                    return entry[1:]
        except (AttributeError, TypeError, POSError):  # no view yet, no str, or compacted or closed meanwhile
            pass
        self.check_open()
        return self._get(check_key(key))

    def _get(self, key: str) -> bytes | None:
        return self._glance(lambda view: view.get(key))

    def _get_buffer(self, key: str) -> memoryview | None:
        return self._look(lambda view: view.buffer(key))

    def _get_many(self, keys: list[str]) -> dict[str, bytes]:
        def read(view: View) -> dict[str, bytes]:
            return {key: value for key in keys if (value := view.get(key)) is not None}

        return self._look(read)

    def _keys(self, prefix: str) -> list[str]:
        return self._look(lambda view: view.keys(prefix))

    def _expiry(self, key: str) -> float | None:
        return self._glance(lambda view: view.expires(key))

    def _glance(self, read: Callable[[View], T]) -> T:
        """Read a little: right after a commit of this thread, where that has left it."""
        view: View | None = getattr(self._local, "view", None)
        if self._alone and self.mode == "w" and (view is None or view.version is not self._version):
            self._check_process()
            with named(self.url):
                found: Any = self._writer.look(read)
            if found is not ELSEWHERE:
                return found  # type: ignore[no-any-return] # what read returns
        return self._look(read)

    def _look(self, read: Callable[[View], T]) -> T:
        """Read from this thread's view; once more from a newer one if a compaction took the old away."""
        self._check_process()
        with named(self.url):
            try:
                view: View | None = getattr(self._local, "view", None)
                if view is None:
                    view = self._local.view = self._new_view()
                with view.busy:
                    return self._read(view, read)
            except Exception:
                self.check_open()  # closed by another thread meanwhile
                raise

    def _read(self, view: View, read: Callable[[View], T]) -> T:
        self.check_open()  # closed while this thread waited for the view
        if self._behind():
            self._follow()
            self._version = object()
        if view.version is not self._version:
            view.refresh(self._version)
        try:
            return read(view)
        except (ConflictError, POSKeyError, FileNotFoundError):
            self._follow()
            view.refresh(self._version)
            return read(view)

    def _new_view(self) -> View:
        with self._gate:
            view = View(self._db, self.clock, self.url)
            self._views.add(view)
        # Views die with their threads, which hold no lock then. At the end of the process nothing is left to be done.
        ended = weakref.finalize(view, _give_back, self._gate, self._pid, view.manager, view.connection)
        ended.atexit = False
        return view

    # -- writing

    def _transact(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        self._check_process()
        result: T = self._writer.run(work, durable=durable)
        if self.clock() - self._swept > _SWEEP_SECONDS:
            self._cleanup()
        self._care()
        return result

    def _cleanup(self) -> int:
        self._check_process()
        now = self._swept = self.clock()
        return self._writer.sweep(now)

    def _publish(self) -> None:
        self._version = object()
        if self._alone:
            self._fresh = self._version

    # -- the store as a whole

    def _stats(self) -> StateStats:
        def read(view: View) -> StatsCounter:
            counter = StatsCounter()
            for key, entry, live in view.items():
                if live:
                    counter.add(key, head_of(entry).size)
                else:
                    counter.expired += 1
            return counter

        return self._look(read).stats(self.url, self._file_bytes())

    def _close(self) -> None:
        if self._pid != os.getpid():
            return
        self._fresh = _NEVER
        if self.mode == "w":
            self._writer.close()
            self._last_care()
        with self._gate, contextlib.ExitStack() as reading:
            for view in list(self._views):
                reading.enter_context(view.busy)
            self._local = threading.local()
            try:
                self._db.close()
            finally:
                self._storage.close()  # whatever its connections say: else nobody could open it again
                self._turns.close()

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            raise StateError(
                f"{self.url} was opened before this process was forked; open it again here: open_state({self.url!r}, mode='r')",
                url=self.url,
            )

    # -- what a kind of database adds

    @abstractmethod
    def _behind(self) -> bool:
        """Return whether somebody else may have committed since the last look."""

    @abstractmethod
    def _follow(self) -> None:
        """Take up what somebody else has committed."""

    @abstractmethod
    def _file_bytes(self) -> int | None:
        """Return the bytes on disk."""

    def _wait_for_disk(self, wait: bool) -> None:
        """Have the next commit wait for the disk or not; a database that has no choice always waits."""

    def _count_dead(self, size: int) -> None:
        """Note that a large value has become garbage."""

    def _care(self) -> None:
        """Look after the files, after each transaction."""

    def _last_care(self) -> None:
        """Look after the files, before closing."""


def _give_back(gate: AbstractContextManager[Any], pid: int, manager: Any, connection: Any) -> None:
    """Give the connection of a thread that has ended back; in a forked process it is not ours, nor is the lock free."""
    if pid == os.getpid():
        with gate:
            give_back(manager, connection)
