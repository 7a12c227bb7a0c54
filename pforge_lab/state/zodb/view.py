"""One thread's view of a database: all of it as of one transaction."""

from __future__ import annotations

import contextlib
import math
import mmap
import threading
from typing import TYPE_CHECKING, Any

from ZODB.blob import Blob

from pforge_lab.errors import StateCorrupt
from pforge_lab.state.zodb.expiry import ExpiryIndex
from pforge_lab.state.zodb.layout import (
    CACHED_BYTES,
    PLAIN,
    VERSION,
    digest_of,
    expiry_of,
    head_of,
    inline_value,
)
from pforge_lab.state.zodb.solo import SoloManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ZODB import DB


class View:
    """The live keys and values of a database, as of the moment of the last ``refresh``.

    A view belongs to one thread at a time. It costs a connection, whose cache it fills.

    Parameters
    ----------
    db
        The database.
    clock
        Tells what has expired.
    url
        Named in errors.

    Attributes
    ----------
    version
        What was committed last when it was refreshed.
    busy
        Held while something is read: a connection to a database must not be closed under a query.
    """

    def __init__(self, db: DB, clock: Callable[[], float], url: str) -> None:
        self.version: object = None
        self.busy = threading.RLock()
        self.manager = SoloManager()
        self.manager.begin()
        self.connection: Any = db.open(self.manager)
        self._clock = clock
        self._url = url
        root = self.connection.root()
        if root.get("pforge") != VERSION:
            self.close()
            raise StateCorrupt(
                f"{url} was not written by this version of pforge_lab (layout {root.get('pforge')!r})",
                url=url,
            )
        self.tree = root["keys"]
        self.expiry = ExpiryIndex(root["expiry"])

    def refresh(self, version: object) -> None:
        """Move to the newest transaction, and trim the cache."""
        self.manager.begin()
        self.connection.cacheGC()
        self.version = version

    def close(self) -> None:
        """Give the connection back."""
        give_back(self.manager, self.connection)

    def forget(self) -> None:
        """Drop what was changed and not committed."""
        self.manager.abort()

    # -- reading

    def entry(self, key: str) -> Any:
        """Return the live entry of ``key``, or None."""
        entry = self.tree.get(key)
        if entry is None:
            return None
        expires = expiry_of(entry)
        return None if expires is not None and expires <= self._clock() else entry

    def get(self, key: str) -> bytes | None:
        """Return the live value of ``key``, verified."""
        entry = self.tree.get(key)
        if type(entry) is bytes and entry[0] == PLAIN:  # small and for ever, as most are
            return entry[1:]
        entry = self.entry(key)
        if entry is None:
            return None
        if isinstance(entry, bytes):
            return inline_value(entry)
        held = entry[1]
        if isinstance(held, Blob):
            return self._blob_value(key, entry)
        data: bytes = held.data
        if len(data) > CACHED_BYTES:
            held._p_deactivate()  # noqa: SLF001 - persistent's public protocol
        return data

    def buffer(self, key: str) -> memoryview | None:
        """Return the live value of ``key``; a large one as a map of its file, not verified."""
        entry = self.entry(key)
        if entry is None or isinstance(entry, bytes) or not isinstance(entry[1], Blob):
            value = self.get(key)
            return None if value is None else memoryview(value)
        with entry[1].open("c") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(mapped) != head_of(entry).size:
            raise self._damaged(key)
        return memoryview(mapped)

    def expires(self, key: str) -> float | None:
        """Return when ``key`` expires: ``inf`` for never, None if it does not exist."""
        entry = self.entry(key)
        if entry is None:
            return None
        moment = expiry_of(entry)
        return math.inf if moment is None else moment

    def keys(self, prefix: str) -> list[str]:
        """Return the live keys that start with ``prefix``, sorted."""
        return [key for key, entry in self._items(prefix) if self._is_live(entry)]

    def items(self) -> Iterator[tuple[str, Any, bool]]:
        """Yield every key, its entry, and whether it is live."""
        for number, (key, entry) in enumerate(self._items("")):
            yield key, entry, self._is_live(entry)
            if number % 100_000 == 99_999:
                self.connection.cacheGC()

    def _items(self, prefix: str) -> Iterator[tuple[str, Any]]:
        for key, entry in self.tree.items(min=prefix) if prefix else self.tree.items():
            if not key.startswith(prefix):
                return
            yield key, entry

    def _is_live(self, entry: Any) -> bool:
        expires = expiry_of(entry)
        return expires is None or expires > self._clock()

    def _blob_value(self, key: str, entry: Any) -> bytes:
        with contextlib.closing(entry[1].open("c")) as file:
            value: bytes = file.read()
        head = head_of(entry)
        if len(value) != head.size or digest_of(value) != head.digest:
            raise self._damaged(key)
        return value

    def _damaged(self, key: str) -> StateCorrupt:
        return StateCorrupt(
            f"the value of {key!r} in {self._url} is damaged: its file is not what was written; restore it from a backup or delete the key",
            url=self._url,
            key=key,
        )


def give_back(manager: Any, connection: Any) -> None:
    """Return a connection to its pool; also for a thread that has ended."""
    if connection.opened:
        manager.abort()
        connection.close()
