"""What stores are compared with, each under the names of a store."""

from __future__ import annotations

import shelve
from typing import TYPE_CHECKING, Any

import diskcache
import lmdb
import transaction
from BTrees.OOBTree import OOBTree
from sqlitedict import SqliteDict
from ZODB import DB

from pforge_lab.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Raw:
    """ZODB as one would write it down: an OOBTree, a commit per value."""

    def __init__(self, path: Path) -> None:
        self.database = DB(str(path))
        self.connection = self.database.open()
        self.tree = self.connection.root()["t"] = OOBTree()
        transaction.commit()

    def set(self, key: str, value: bytes) -> None:
        """Store and commit."""
        self.tree[key] = value
        transaction.commit()

    def close(self) -> None:
        """Close."""
        transaction.abort()
        self.connection.close()
        self.database.close()


class Lmdb:
    """LMDB, synced per commit."""

    def __init__(self, path: Path) -> None:
        self.environment = lmdb.open(str(path), map_size=1 << 30)

    def set(self, key: str, value: bytes) -> None:
        """Store and commit."""
        with self.environment.begin(write=True) as writing:
            writing.put(key.encode(), value)

    def get(self, key: str) -> bytes | None:
        """Return the value."""
        with self.environment.begin() as reading:
            return reading.get(key.encode())

    def set_many(self, mapping: dict[str, bytes]) -> None:
        """Store in one transaction."""
        with self.environment.begin(write=True) as writing:
            for key, value in mapping.items():
                writing.put(key.encode(), value)

    def close(self) -> None:
        """Close."""
        self.environment.close()


class Cache(diskcache.Cache):
    """diskcache with the names of a store."""

    def set_many(self, mapping: dict[str, bytes]) -> None:
        """Store in one transaction."""
        with self.transact():
            for key, value in mapping.items():
                self.set(key, value)


class Mapping:
    """A mapping of the standard kind with the names of a store."""

    def __init__(self, mapping: Any) -> None:
        self.mapping = mapping
        self.get = mapping.get
        self.close = mapping.close

    def set(self, key: str, value: bytes) -> None:
        """Store, and commit where there is a way to."""
        self.mapping[key] = value
        getattr(self.mapping, "commit", lambda: None)()

    def set_many(self, mapping: dict[str, bytes]) -> None:
        """Store all."""
        self.mapping.update(mapping)
        getattr(self.mapping, "commit", lambda: None)()


DURABLE: dict[str, Callable[[Path], Any]] = {
    "pforge": lambda folder: open_state(folder / "a.fs"),
    "raw ZODB": lambda folder: Raw(folder / "raw.fs"),
    "diskcache FULL": lambda folder: Cache(str(folder / "full"), sqlite_synchronous=2),
    "lmdb": lambda folder: Lmdb(folder / "lmdb"),
    "sqlitedict": lambda folder: Mapping(SqliteDict(str(folder / "sd.db"))),
    "pforge sqlite:": lambda folder: open_state(f"sqlite:{folder / 'rel.db'}"),
}
RELAXED: dict[str, Callable[[Path], Any]] = {
    "pforge relaxed": lambda folder: open_state(folder / "b.fs", durability="relaxed"),
    "diskcache": lambda folder: Cache(str(folder / "cache")),
    "shelve": lambda folder: Mapping(shelve.open(str(folder / "shelf"))),  # noqa: SIM115 - a peer, closed below
}
