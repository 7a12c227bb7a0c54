"""A ZODB database whose commits leave nothing large behind, and which knows our commonest records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from BTrees.OOBTree import OOBucket
from ZODB import DB
from ZODB.Connection import Connection
from ZODB.serialize import ObjectReader
from ZODB.utils import z64

from pforge_lab.state.zodb.appending import AppendingStorage
from pforge_lab.state.zodb.layout import KeyTree, Value
from pforge_lab.state.zodb.leaves import TreePickler
from pforge_lab.state.zodb.storage import CheckedStorage
from pforge_lab.state.zodb.values import Record, record_of, state_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ZODB.serialize import ObjectWriter


_TREE = frozenset({OOBucket, KeyTree})


class LeanWriter:
    """An ObjectWriter of ZODB that leaves the tree to the TreePickler, and values to nobody.

    Parameters
    ----------
    writer
        Writes everything else.
    tree
        Pickles leaves and nodes.
    in_pieces
        Whether records of values are left in pieces.
    """

    def __init__(self, writer: ObjectWriter, tree: TreePickler, *, in_pieces: bool) -> None:
        self._writer = writer
        self._tree = tree
        self._in_pieces = in_pieces

    def __iter__(self) -> Iterator[Any]:
        return iter(self._writer)

    def serialize(self, stored: Any) -> bytes | Record:
        """Return the record of an object."""
        kind = type(stored)
        record: bytes | Record | None = None
        if kind in _TREE:
            record = self._tree.dump(stored, self._writer.persistent_id)
        elif kind is Value:
            found = record_of(stored)
            record = found if found is None or self._in_pieces else bytes(found)
        return self._writer.serialize(stored) if record is None else record


class LeanReader(ObjectReader):  # type: ignore[misc] # ZODB has no types
    """An ObjectReader that needs no unpickler for values."""

    def getState(self, pickle: bytes | Record) -> Any:  # noqa: N802 - ZODB's name
        """Return what the object is made of."""
        state = pickle.data if isinstance(pickle, Record) else state_in(pickle)
        return super().getState(pickle) if state is None else state


class LeanConnection(Connection):  # type: ignore[misc] # ZODB has no types
    """A connection whose writers let go of the last record they wrote.

    A writer of ZODB is in a cycle with its pickler: it, and a record of up to a MiB, would stay until the
    garbage collector comes by, and there is one for each leaf of the tree that a commit changes.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tree = TreePickler()
        self._reader = LeanReader(self, self._cache, self._db.classFactory)
        if self._db.alone:
            # Nodes on the way to a leaf are noted, to see at the end whether somebody has changed them.
            self.readCurrent = id

    def _store_objects(self, writer: Any, transaction: Any) -> None:
        try:
            if not self._store_part(writer, transaction) or writer._stack:  # noqa: SLF001 - there is no public way
                lean = LeanWriter(writer, self._tree, in_pieces=self._db.in_pieces)
                super()._store_objects(lean, transaction)
        finally:
            writer._file.seek(0)  # noqa: SLF001 - there is no public way
            writer._file.truncate()  # noqa: SLF001

    def _store_part(self, writer: Any, transaction: Any) -> bool:
        """Store a changed leaf or node of the tree, as ZODB does with any object; return whether it was one.

        New objects that it leads to are left to the writer.
        """
        part = writer._stack[-1]  # noqa: SLF001 - as above
        oid, serial = part._p_oid, part._p_serial  # noqa: SLF001 - persistent's public protocol
        if type(part) not in _TREE or serial == z64 or self._savepoint_storage is not None:
            return False
        writer._stack.pop()  # noqa: SLF001 - as above
        record = self._tree.dump(part, writer.persistent_id)
        if record is None:
            record = writer.serialize(part)
        self._modified.append(oid)
        self._storage.store(oid, serial, record, "", transaction)
        self._store_count += 1
        self._cache.update_object_size_estimation(oid, len(record))
        part._p_estimated_size = len(record)  # noqa: SLF001 - the same
        self._readCurrent.pop(oid, None)
        return True


class LeanDB(DB):  # type: ignore[misc] # ZODB has no types
    """A database of such connections."""

    klass = LeanConnection

    def __init__(self, storage: Any, **options: Any) -> None:
        self.alone = isinstance(storage, AppendingStorage) and not storage.shared
        self.in_pieces = isinstance(storage, CheckedStorage)
        if self.in_pieces:
            storage.in_pieces = True
        super().__init__(storage, **options)
