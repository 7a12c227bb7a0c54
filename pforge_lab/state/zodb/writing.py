"""The ZODB file of the one process that writes to it."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zc.lockfile import LockError
from ZODB.utils import z64

from pforge_lab.errors import StateCorrupt
from pforge_lab.state.recovery import Recovery
from pforge_lab.state.zodb.acknowledged import Acknowledged, Note, read_note
from pforge_lab.state.zodb.appending import AppendingStorage
from pforge_lab.state.zodb.compaction import pack_durably
from pforge_lab.state.zodb.durable import (
    begin_sync,
    create_private,
    create_private_directory,
    sync_directory,
    sync_file,
    sync_path,
)
from pforge_lab.state.zodb.ending import cut, find_ending, judge
from pforge_lab.state.zodb.index import save_index
from pforge_lab.state.zodb.owner import Owner, locked
from pforge_lab.state.zodb.scan import START
from pforge_lab.state.zodb.storage import side_file

if TYPE_CHECKING:
    from collections.abc import Iterator

Durability = Literal["commit", "relaxed"]
#: The index is saved whenever the file has grown by this many bytes, so that a start after a crash reads no more.
INDEX_EVERY = 16 << 20

logger = logging.getLogger("pforge_lab.state")
_storages: weakref.WeakSet[WritingStorage] = weakref.WeakSet()


class WritingStorage(AppendingStorage):
    """A FileStorage that seals what it writes, keeps its promises, and whose files are private.

    Parameters
    ----------
    path
        The file; ``.index .lock .owner .ack`` files and a ``.blobs`` folder stand beside it.
    url
        Named in errors.
    durability
        ``"commit"``: a transaction is on the disk when it is acknowledged. ``"relaxed"``: it
        is handed to the system, which writes it within seconds.
    recover
        Go on from the last intact transaction even if something that was acknowledged is lost.
    shared
        Whether several connections write, so that they may be in conflict.

    Attributes
    ----------
    recovery
        What was put right when it was opened, or None.
    packed
        Size of the file when it was last compacted, in bytes.
    waits
        Whether the next transaction waits for the disk, where ``durability`` says so. One that does not is
        not noted as acknowledged: a power cut may take it, and the file opens without it.
    forked
        Whether this is the copy in a forked process, which must not touch the file.

    Raises
    ------
    StateLocked
        If another process has the file open for writing.
    StateCorrupt
        If what was acknowledged is damaged or gone.
    """

    def __init__(
        self,
        path: Path,
        url: str,
        *,
        durability: Durability = "commit",
        recover: bool = False,
        shared: bool = True,
    ) -> None:
        self.durability = durability
        self.recovery: Recovery | None = None
        self.forked = False
        self.waits = True
        self._recover = recover
        self._shut = False
        self._packing = threading.Lock()
        create_private_directory(path.parent)
        create_private(side_file(path, ".lock"))
        create_private(side_file(path, ".tmp"))
        try:
            super().__init__(path, url, shared=shared, pack_keep_old=False, packer=pack_durably)
        except LockError as error:
            raise locked(path, url) from error
        except BaseException:
            self._let_go()
            raise
        Owner.me().write(side_file(path, ".owner"))
        note = read_note(side_file(path, ".ack"))
        self.packed = note.packed if note else START
        self._indexed = self._pos
        self.makes_room = durability == "commit"
        self._note = Acknowledged(side_file(path, ".ack"))
        self._acknowledge()
        if not self._used_index and self._pos > START:
            self._save_index()
        sync_directory(path.parent)
        _storages.add(self)

    # -- opening

    def _newIndexes(self) -> Any:  # noqa: N802 - ZODB's hook between locking and opening the file
        for name in (".pack", ".old"):
            if self.path.exists():
                side_file(self.path, name).unlink(missing_ok=True)
        if not self.path.exists():
            self._bring_back()
        return super()._newIndexes()

    def _bring_back(self) -> None:
        """Find the file that an interrupted compaction left under another name, or begin a new one."""
        old = side_file(self.path, ".old")
        if old.exists():
            old.rename(self.path)
            self.recovery = Recovery(self.path, "its compaction was interrupted")
            return
        note = side_file(self.path, ".ack")
        if note.exists():
            self.recovery = Recovery(self.path, "the file was gone, a new one was begun", lost=True)
        note.unlink(missing_ok=True)
        side_file(self.path, ".index").unlink(missing_ok=True)
        create_private(self.path)

    def _check_end(self, position: int, tid: bytes, saved_tid: bytes | None) -> None:
        ack = side_file(self.path, ".ack")
        note = read_note(ack)
        known = [tid for tid in (note.tid if note else None, saved_tid) if tid is not None]
        promised = max(known, default=None)
        size = self._file.seek(0, 2)
        if not size and not promised:
            return
        ending = find_ending(self._file, max(position, START), tid)
        recovery = judge(ending, promised, note, self.path, self.url, recover=self._recover)
        if recovery is None and promised is None and ack.exists():
            recovery = Recovery(self.path, "the note of what was stored last is damaged", lost=None)
        if ending.broken is None and size > ending.position:  # room that a killed process has left
            self._file.truncate(ending.position)
        if recovery is not None:
            saved = cut(self._file, ending.position, self.path)
            self.recovery = Recovery(self.path, recovery.reason, recovery.lost, saved)

    # -- writing

    def storeBlob(  # noqa: N802 - ZODB's name
        self, oid: bytes, oldserial: bytes, data: bytes, blobfilename: str, *rest: Any
    ) -> None:
        """Note a record and its file; ZODB itself never syncs the file."""
        if self.durability == "commit":
            sync_path(Path(blobfilename))
        super().storeBlob(oid, oldserial, data, blobfilename, *rest)
        if self.durability == "commit":
            self.fshelper.sync_names(oid)

    def _hurry(self, start: int, size: int) -> None:
        if self.waits and self.durability == "commit":
            begin_sync(self._file.fileno(), start, size)

    def _finish_finish(self, tid: bytes) -> None:
        self._file.flush()
        if self.waits and self.durability == "commit":
            sync_file(self._file.fileno())
        self._pos = self._nextpos
        self._index.update(self._tindex)
        self._ltid = tid
        self._blob_tpc_finish()
        self._read_anew()
        if not self.waits and self.durability == "commit":
            return  # nothing beside the file may promise what a power cut could take
        self._acknowledge()
        if self._pos - self._indexed > INDEX_EVERY:
            self._save_index()

    def _acknowledge(self) -> None:
        self._note.write(Note(self._ltid, self.packed, self.durability == "relaxed"))

    # -- keeping

    def pack(self, t: float, referencesf: Any, gc: bool | None = None) -> None:
        """Throw away what is not current; the file is checked first, so that no damage is carried over.

        Who asks while it is under way, as clients of a server do, waits: both write to the same new file.
        """
        with self._packing, self._without_room():
            self._check_all()
            create_private(side_file(self.path, ".pack"))
            super().pack(t, referencesf, gc)
            side_file(self.path, ".pack").unlink(missing_ok=True)
            sync_directory(self.path.parent)
            with self._lock:
                sync_file(self._file.fileno())  # a transaction that did not wait may be the last
                self._acknowledge()

    @contextmanager
    def _without_room(self) -> Iterator[None]:
        """Have the file end with its last transaction within the block: ZODB copies all that it has."""
        makes_room = self.makes_room
        with self._commit_lock, self._lock:
            self.makes_room = False
            self._give_up_room()
        try:
            yield
        finally:
            with self._commit_lock, self._lock:
                if not self._file.closed:  # it is another one now
                    self._give_up_room()
                self.makes_room = makes_room

    def _check_all(self) -> None:
        end = self._pos
        with self.path.open("rb") as file:
            ending = find_ending(file, START, z64)
        if ending.position < end:
            raise StateCorrupt(
                f"{self.path} is damaged: {ending}; it was not compacted, restore it from a backup",
                url=self.url,
            ) from ending.broken

    def _save_index(self) -> None:
        if self._shut or not hasattr(self, "_indexed"):
            return
        save_index(self._index, self._pos, self._ltid, side_file(self.path, ".index"))
        self._indexed = self._pos

    def close(self) -> None:
        """Save the index and let go of the file, its lock last."""
        if self._shut or self.forked:
            return
        try:
            if not self._file.closed:
                self._file.flush()
                if self._nextpos <= self._pos:  # else a commit has failed on its way, and may have landed
                    self._give_up_room()
                sync_file(self._file.fileno())
                self._save_index()
        except OSError:
            logger.exception(
                "could not save the index of %s; the next start reads the file instead", self.path
            )
        self._shut = True
        self._note.close()
        self._let_go()
        _storages.discard(self)

    def _let_go(self) -> None:
        """Close what is open; the lock is the last to go."""
        if hasattr(self, "_note"):
            side_file(self.path, ".owner").unlink(missing_ok=True)
        lock = self.__dict__.pop("_lock_file", None)
        if getattr(self, "_files", None) is not None:
            super().close()
        elif getattr(self, "_file", None) is not None:
            self._file.close()
        if getattr(self, "_tfile", None) is not None:
            self._tfile.close()
            side_file(self.path, ".tmp").unlink(missing_ok=True)
        if lock is not None:
            lock.close()

    def abandon(self) -> None:
        """Let go of the lock's descriptor in a forked process, so that it does not outlive its owner."""
        self.forked = True
        descriptor = getattr(self._lock_file, "_fp", None)
        if descriptor is not None:
            descriptor.close()


def _abandon_all() -> None:
    for storage in list(_storages):
        storage.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
