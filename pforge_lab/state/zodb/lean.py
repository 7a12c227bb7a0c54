"""A ZODB database whose commits leave nothing large behind, and which knows our commonest records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from BTrees.OOBTree import OOBucket
from ZODB import DB
from ZODB.Connection import Connection
from ZODB.serialize import ObjectReader

from pforge_lab.state.zodb.layout import Value
from pforge_lab.state.zodb.leaves import LeafPickler
from pforge_lab.state.zodb.values import record_of, state_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ZODB.serialize import ObjectWriter


class LeanWriter:
    """An ObjectWriter of ZODB that leaves leaves to the LeafPickler, and values to nobody.

    Parameters
    ----------
    writer
        Writes everything else.
    leaves
        Pickles leaves.
    """

    def __init__(self, writer: ObjectWriter, leaves: LeafPickler) -> None:
        self._writer = writer
        self._leaves = leaves

    def __iter__(self) -> Iterator[Any]:
        return iter(self._writer)

    def serialize(self, stored: Any) -> bytes:
        """Return the record of an object."""
        kind, record = type(stored), None
        if kind is OOBucket:
            record = self._leaves.dump(stored, self._writer.persistent_id)
        elif kind is Value:
            record = record_of(stored)
        return self._writer.serialize(stored) if record is None else record


class LeanReader(ObjectReader):  # type: ignore[misc] # ZODB has no types
    """An ObjectReader that needs no unpickler for values."""

    def getState(self, pickle: bytes) -> Any:  # noqa: N802 - ZODB's name
        """Return what the object is made of."""
        state = state_in(pickle)
        return super().getState(pickle) if state is None else state


class LeanConnection(Connection):  # type: ignore[misc] # ZODB has no types
    """A connection whose writers let go of the last record they wrote.

    A writer of ZODB is in a cycle with its pickler: it, and a record of up to a MiB, would stay until the
    garbage collector comes by, and there is one for each leaf of the tree that a commit changes.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._leaves = LeafPickler()
        self._reader = LeanReader(self, self._cache, self._db.classFactory)

    def _store_objects(self, writer: Any, transaction: Any) -> None:
        try:
            super()._store_objects(LeanWriter(writer, self._leaves), transaction)
        finally:
            writer._file.seek(0)  # noqa: SLF001 - there is no public way
            writer._file.truncate()  # noqa: SLF001


class LeanDB(DB):  # type: ignore[misc] # ZODB has no types
    """A database of such connections."""

    klass = LeanConnection
