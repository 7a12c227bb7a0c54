"""The ZODB file of a process that reads beside the one that writes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from ZODB.POSException import ReadConflictError
from ZODB.utils import z64

from pforge_lab.errors import StateCorrupt, StateError
from pforge_lab.state.zodb.acknowledged import read_note
from pforge_lab.state.zodb.ending import Ending, find_ending, judge
from pforge_lab.state.zodb.room import MARK_BYTES, is_finished
from pforge_lab.state.zodb.scan import START, BrokenTransaction, walk
from pforge_lab.state.zodb.storage import CheckedStorage, side_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pforge_lab.state.zodb.scan import Seen
    from pforge_lab.state.zodb.values import Record

T = TypeVar("T")

_PATIENCE = 5.0  # seconds that a compaction by the writer may keep the file's name away


class FollowingStorage(CheckedStorage):
    """A FileStorage that is only read, and shows what the writer has committed since.

    It writes nothing and takes no lock. A transaction the writer is in the middle of is not
    seen. After the writer has compacted the file, the new one is read from its start.

    Raises
    ------
    StateError
        If there is no such file.
    StateCorrupt
        If what was acknowledged is damaged or gone.
    """

    def __init__(self, path: Path, url: str) -> None:
        self._listeners: list[Any] = []
        try:
            super().__init__(path, url, read_only=True)
        except StateCorrupt:
            self._file.close()
            raise
        except FileNotFoundError as error:
            raise StateError(
                f"{path} does not exist, and mode='r' creates nothing; open it with mode='w'", url=url
            ) from error

        self._ltid = self._last_tid()

    def loadBefore(  # noqa: N802 - ZODB's name
        self, oid: bytes, tid: bytes
    ) -> tuple[bytes | Record, bytes, bytes | None] | None:
        """Return the record of ``oid`` before ``tid``, its transaction, and that of the next one."""
        try:
            return super().loadBefore(oid, tid)
        except (StateCorrupt, FileNotFoundError) as error:
            if self._replaced():  # positions of the old file mean nothing in the compacted one
                self.follow()  # so that trying again reads the new one, also while it is being opened
                raise ReadConflictError(oid=oid) from error
            raise

    def registerDB(self, db: Any) -> None:  # noqa: N802 - ZODB's name
        """Remember whom to tell about new transactions."""
        super().registerDB(db)
        self._listeners.append(db)

    def moved(self) -> bool:
        """Return whether there may be something new; costs a look at the file's name and at what follows in it."""
        file, position = self._file, self._pos
        try:
            head = os.pread(file.fileno(), MARK_BYTES, position) if hasattr(os, "pread") else None
            return head is None or is_finished(head) or self._replaced()
        except (FileNotFoundError, ValueError):  # the other one has been closed a moment ago
            return True

    def follow(self) -> None:
        """Take up what the writer has committed since."""
        with self._lock:
            if self._replaced():
                self._start_over()
            else:
                self._read_on()

    def _check_end(self, position: int, tid: bytes, saved_tid: bytes | None) -> None:
        del saved_tid  # the writer may have packed or gone on since; its note is always the newest
        note = read_note(side_file(self.path, ".ack"))
        ending = find_ending(self._file, max(position, START), tid)
        judge(ending, note.tid if note else None, note, self.path, self.url, recover=False)

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != os.fstat(self._file.fileno()).st_ino:
                return  # compacted a moment ago; the next look starts over
            self._files.flush()
            promised = read_note(side_file(self.path, ".ack"))
            for seen in self._intact(file, self._pos, self._ltid):
                self._index.update(seen.positions)
                self._pos, self._ltid = seen.end, seen.tid
                for listener in self._listeners:
                    listener.invalidate(seen.tid, list(seen.positions))
            behind = promised is not None and promised.tid > self._ltid and not promised.relaxed
            if behind and not self._replaced():  # else what was promised is in the compacted file
                ending = Ending(self._pos, self._ltid, None)
                raise StateCorrupt(
                    f"{self.path} is damaged: {ending}; restore it from a backup", url=self.url
                )

    def _start_over(self) -> None:
        fresh = self._patiently(lambda: self.path.open("rb"))
        index, _ = self._newIndexes()
        position, tid = START, z64
        for seen in self._intact(fresh, START, z64):
            index.update(seen.positions)
            position, tid = seen.end, seen.tid
        self._file.close()
        self._files.flush()
        self._file = fresh
        self._initIndex(index, {})
        self._pos, self._ltid = position, tid
        for listener in self._listeners:
            listener.invalidateCache()

    def _last_tid(self) -> bytes:
        """Return the last finished transaction; FileStorage takes the one that is being written for it."""
        if self._pos == START:
            return bytes(8)
        length = self._read_num(self._pos - 8)
        self._file.seek(self._pos - 8 - length)
        return bytes(self._file.read(8))

    def _intact(self, file: BinaryIO, position: int, tid: bytes) -> Iterator[Seen]:
        """Yield what is finished; the end of the file may be a transaction that is being written."""
        try:
            yield from walk(file, position, tid)
        except BrokenTransaction as broken:
            if not broken.torn:
                raise StateCorrupt(
                    f"{self.path} is damaged: {broken}; restore it from a backup", url=self.url
                ) from broken

    def _replaced(self) -> bool:
        return self._patiently(self.path.stat).st_ino != os.fstat(self._file.fileno()).st_ino

    def _patiently(self, look: Callable[[], T]) -> T:
        """Look at the file, which has no name for a moment while the writer replaces it by its compacted form."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return look()
            except FileNotFoundError:
                compacting = side_file(self.path, ".old").exists() or side_file(self.path, ".pack").exists()
                if not (compacting or self.path.exists()) or time.monotonic() > deadline:
                    raise
                time.sleep(0.001)
