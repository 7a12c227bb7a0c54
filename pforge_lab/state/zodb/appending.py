"""How a transaction comes to the end of the file: in memory until all of it is known, then in one go."""

from __future__ import annotations

import contextlib
from io import UnsupportedOperation
from typing import TYPE_CHECKING, Any

from ZODB.FileStorage.format import DataHeader, TxnHeader
from ZODB.POSException import ConflictError, StorageTransactionError
from ZODB.utils import p64

from pforge_lab.state.zodb.faults import FULL
from pforge_lab.state.zodb.room import MARK_BYTES, ROOM, SMALL, mark_after
from pforge_lab.state.zodb.seal import SEAL_BYTES, seal_of
from pforge_lab.state.zodb.storage import CheckedStorage, side_file
from pforge_lab.state.zodb.values import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_PART = 1 << 20  # bytes that are worth a word to the disk


class Pieces:
    """What FileStorage takes for its temporary file: the bytes of a transaction as they came, none of them copied."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def extend(self, pieces: Sequence[bytes]) -> None:
        """Add pieces."""
        self.pieces += pieces
        self.size += sum(map(len, pieces))

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self.extend((piece,))

    def tell(self) -> int:
        """Return the bytes so far."""
        return self.size

    def seek(self, start: int) -> None:
        """Begin anew, which is all that FileStorage goes back for but to undo."""
        if start:
            raise UnsupportedOperation("transactions are not undone")
        self.pieces.clear()
        self.size = 0

    close = flush = lambda self: self.seek(0)


class AppendingStorage(CheckedStorage):
    """A FileStorage that writes a transaction in one go, without a temporary file, into room that is there already.

    ZODB reads the head of every record that is written anew, and of every node above it, to see whether
    somebody else has changed it. Where one connection alone writes, which looks at the newest transaction
    before each of its own, that is known.

    Parameters
    ----------
    shared
        Whether several connections write, as those of a server do.

    Attributes
    ----------
    shared
        As it was given.
    makes_room
        Whether small transactions make room for those that follow.
    """

    # Attributes of FileStorage that this one works on.
    _commit_lock: Any
    _nextpos: int
    _oid: bytes
    _resolved: list[bytes]
    _thl: int
    _tid: bytes
    _tindex: dict[bytes, int]
    _transaction: Any
    _ude: tuple[bytes, bytes, bytes]

    def __init__(self, path: Path, url: str, *, shared: bool, **options: Any) -> None:
        super().__init__(path, url, **options)
        self.shared = shared
        self.makes_room = False
        self._nextpos = 0  # where a transaction that is written and not finished ends
        self._there = self._pos  # where the file ends, with its room
        self._tfile.close()
        side_file(path, ".tmp").unlink(missing_ok=True)
        self._tfile = Pieces()

    def store(
        self,
        oid: bytes,
        oldserial: bytes,
        data: bytes | Record,
        version: str,  # noqa: ARG002 - ZODB's
        transaction: Any,
    ) -> None:
        """Note the record of ``oid`` for the transaction, sealed."""
        if transaction is not self._transaction:
            raise StorageTransactionError(self, transaction)
        with self._lock:
            if self.shared and oid in self._index and self.getTid(oid) != oldserial:
                raise ConflictError(oid=oid, serials=(self.getTid(oid), oldserial))
            if oid > self._oid:
                self.set_max_oid(oid)
            self._tindex[oid] = self._pos + self._tfile.size + self._thl
            before = self._index.get(oid, 0)
            pieces = data.pieces if isinstance(data, Record) else (data,)
            head = DataHeader(oid, self._tid, before, self._pos, 0, len(data) + SEAL_BYTES)
            self._tfile.extend((head.asString(), *pieces, seal_of(oid, self._tid, *pieces)))

    def checkCurrentSerialInTransaction(self, oid: bytes, serial: bytes, transaction: Any) -> None:  # noqa: N802 - ZODB's
        """Refuse the transaction if ``oid``, on which it rests, has changed since it was read."""
        if self.shared:
            super().checkCurrentSerialInTransaction(oid, serial, transaction)

    def tpc_vote(self, transaction: Any) -> list[bytes]:
        """Write the transaction; if that fails, the file is as it was before."""
        if transaction is not self._transaction:
            raise StorageTransactionError(self, transaction)
        with self._lock:
            length = self._thl + self._tfile.size
            user, description, extension = self._ude
            head = TxnHeader(self._tid, length, "c", len(user), len(description), len(extension))
            head.user, head.descr, head.ext = user, description, extension
            end = self._pos + length + 8
            try:
                self._put((head.asString(), *self._tfile.pieces, p64(length)), end)
            except BaseException:  # also an interrupt: a part may be in the file, or in its buffer
                self._reopen()
                raise
            self._nextpos = end
            return self._resolved

    def _put(self, pieces: tuple[bytes, ...], end: int) -> None:
        """Write a transaction that ends at ``end``, over the room there is; a small one that finds none makes some."""
        if end < self._there:
            self._append((*pieces, mark_after(self._tid)))
            self._there = max(self._there, end + MARK_BYTES)
            return
        if self.makes_room and end - self._pos <= SMALL:
            try:
                self._append((*pieces, mark_after(self._tid), bytes(ROOM)))
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._reopen()  # the disk may have room for the transaction alone
            else:
                self._there = end + MARK_BYTES + ROOM
                return
        self._append(pieces)
        self._there = end

    def _append(self, pieces: Iterable[bytes]) -> None:
        """Write pieces behind the last transaction; the disk can begin with the first of many while others are copied."""
        self._file.seek(self._pos)
        start, size, part = self._pos, 0, []
        for piece in pieces:
            part.append(piece)
            size += len(piece)
            if size >= _PART:
                self._file.writelines(part)
                self._file.flush()
                self._hurry(start, size)
                start, size, part = start + size, 0, []
        self._file.writelines(part)
        self._file.flush()

    def _hurry(self, start: int, size: int) -> None:
        """Take note of bytes that were written and will be waited for."""

    def _reopen(self) -> None:
        """Forget what is buffered: it could not be written, and would be tried again by every later write."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._file = self.path.open("r+b")
        self._file.truncate(self._pos)
        self._there = self._pos
        self._files.flush()

    def _give_up_room(self) -> None:
        """Have the file end with its last transaction."""
        if self._there > self._pos:
            self._file.truncate(self._pos)
            self._there = self._pos

    def _read_anew(self) -> None:
        """Empty the buffers of the files that are read from: room may be in them where the transaction is now."""
        for file in self._files._files:  # noqa: SLF001 - they are all there: a commit keeps readers out
            file.seek(0, 2)

    def _abort(self) -> None:
        written = self._nextpos  # else there is nothing to cut off
        super()._abort()
        if written:
            self._there = self._pos
