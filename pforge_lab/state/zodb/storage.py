"""A ZODB file whose every record is checked when it is read."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

from ZODB.FileStorage import FileStorage
from ZODB.FileStorage.format import CorruptedError
from ZODB.POSException import ConflictError
from ZODB.utils import z64

from pforge_lab.errors import StateClosed, StateCorrupt
from pforge_lab.interrupts import uninterrupted
from pforge_lab.state.zodb.blobs import PrivateBlobFiles
from pforge_lab.state.zodb.ending import check_magic
from pforge_lab.state.zodb.index import read_index_tid
from pforge_lab.state.zodb.scan import START
from pforge_lab.state.zodb.seal import SEAL_BYTES, seal_of, unsealed
from pforge_lab.state.zodb.values import Record

# What reading damaged bytes ends in.
_DAMAGE = (CorruptedError, struct.error, ValueError, MemoryError, OverflowError, UnicodeDecodeError)


def side_file(path: Path, suffix: str) -> Path:
    """Return the file that stands beside the store ``path``."""
    return path.with_name(path.name + suffix)


def bytes_on_disk(path: Path) -> int:
    """Return the bytes of the store ``path``, its side files and its large values."""
    beside = [side_file(path, name) for name in (".index", ".ack", ".owner", ".lock")]
    large = [Path(folder, name) for folder, _, names in os.walk(side_file(path, ".blobs")) for name in names]
    return sum(map(_size, [path, *beside, *large]))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # removed meanwhile
        return 0


class CheckedStorage(FileStorage):  # type: ignore[misc] # ZODB has no types
    """A FileStorage that returns a record only if it is intact and the one that was asked for.

    Attributes
    ----------
    path, url
        Named in errors.
    loads
        Records read so far.
    in_pieces
        Whether records of values are handed out in pieces, as a `LeanDB` takes them.
    """

    # Attributes of FileStorage that this one works on.
    _file: Any
    _files: Any
    _index: Any
    _ltid: bytes
    _pos: int
    _tfile: Any

    def __init__(self, path: Path, url: str, **options: Any) -> None:
        self.path = path
        self.url = url
        self.loads = 0
        self.in_pieces = False
        super().__init__(str(path), blob_dir=str(side_file(path, ".blobs")), **options)
        if self._pos > START and z64 not in self._index:
            raise self.not_ours()

    def loadBefore(  # noqa: N802 - ZODB's name
        self, oid: bytes, tid: bytes
    ) -> tuple[bytes | Record, bytes, bytes | None] | None:
        """Return the record of ``oid`` before ``tid``, its transaction, and that of the next one."""
        self.loads += 1
        newest: Any = self._read(oid, self._newest, oid, tid) if self.in_pieces else None
        if newest is not None:
            return newest  # type: ignore[no-any-return] # what _newest returns
        found = self._read(oid, super().loadBefore, oid, tid)
        if found is None:
            return None
        record, serial, newer = found
        if newer is not None:
            self.loadSerial(
                oid, newer
            )  # an intact newer record proves that the older one is right to be used
        return self._unsealed(oid, serial, record), serial, newer

    def _newest(self, oid: bytes, tid: bytes) -> tuple[bytes | Record, bytes, None] | None:
        """Return the newest record and its transaction if that is before ``tid``; of a value in pieces."""
        with self._files.get() as file:
            head = self._read_data_header(self._lookup_pos(oid), oid, file)
            if head.tid >= tid or head.plen <= SEAL_BYTES:
                return None
            record = Record.read(file, head.plen - SEAL_BYTES)
            seal = file.read(SEAL_BYTES)
        pieces = record.pieces if isinstance(record, Record) else (record,)
        if seal != seal_of(oid, head.tid, *pieces):
            raise self._damaged(oid)
        return record, head.tid, None

    def loadSerial(self, oid: bytes, serial: bytes) -> bytes:  # noqa: N802 - ZODB's name
        """Return the record that transaction ``serial`` wrote."""
        return self._unsealed(oid, serial, self._read(oid, super().loadSerial, oid, serial))

    def load(self, oid: bytes, version: str = "") -> tuple[bytes, bytes]:
        """Return the current record and its transaction."""
        record, serial = self._read(oid, super().load, oid, version)
        return self._unsealed(oid, serial, record), serial

    def tryToResolveConflict(self, oid: bytes, *serials: Any) -> bytes:  # noqa: N802 - ZODB's name
        """Refuse: there is one writer, and resolving would import whatever classes the file names."""
        raise ConflictError(oid=oid, serials=serials[:2])

    def not_ours(self) -> StateCorrupt:
        """Return the error for a file that something else has written."""
        return StateCorrupt(
            f"{self.path} was not written by pforge_lab; nothing was written, give another path", url=self.url
        )

    def _restore_index(self) -> tuple[Any, int, bytes] | None:
        """Return the saved index if it fits the file, after checking all of the file that it does not cover."""
        check_magic(self._file, self.path, self.url)
        saved_tid = read_index_tid(side_file(self.path, ".index"))
        restored: tuple[Any, int, bytes] | None = super()._restore_index() if saved_tid else None
        if restored is not None and restored[2] != saved_tid:
            restored = None
        position, tid = restored[1:] if restored else (START, z64)
        self._check_end(position, tid, saved_tid)
        return restored

    def _check_end(self, position: int, tid: bytes, saved_tid: bytes | None) -> None:
        """Check what follows ``position``; ``saved_tid`` is the transaction an intact index knew."""
        raise NotImplementedError

    def _blob_init(self, blob_dir: str, layout: str = "bushy") -> None:
        del layout
        self.fshelper = PrivateBlobFiles(blob_dir)
        if not self._is_read_only:
            self.fshelper.create()
        self.dirty_oids: list[tuple[bytes, bytes]] = []

    def _read(self, oid: bytes, method: Any, *args: Any) -> Any:
        try:
            with uninterrupted():  # a reader that is torn leaves its file out, and writers wait for that
                return method(*args)
        except _DAMAGE as error:
            raise self._damaged(oid) from error

    def _unsealed(self, oid: bytes, serial: bytes, record: bytes) -> bytes:
        data = unsealed(oid, serial, record)
        if data is None:
            raise self._damaged(oid)
        return data

    def _damaged(self, oid: bytes) -> StateCorrupt | StateClosed:
        if self._files.closed:
            return StateClosed(
                f"{self.url} is closed; open it again with open_state({self.url!r})", url=self.url
            )
        return StateCorrupt(
            f"{self.path} is damaged: the record of object {oid.hex()} is not what was written; restore the file from a backup",
            url=self.url,
        )
