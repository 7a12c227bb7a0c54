"""Walk through the transactions of a file and believe nothing that is not checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from pforge_lab.state.zodb.room import is_mark
from pforge_lab.state.zodb.seal import SEAL_BYTES, is_intact

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"FS30"
START = len(MAGIC)
_TRANSACTION = struct.Struct(
    ">8sQcHHH"
)  # tid, length, status, and the lengths of user, description, extension
_RECORD = struct.Struct(">8s8sQQHQ")  # oid, tid, previous record, own transaction, 0, length of the data


@dataclass(frozen=True, slots=True)
class Seen:
    """A transaction that is intact.

    Attributes
    ----------
    tid
        Its id.
    end
        Where the next one begins.
    positions
        Where the record of each object is.
    """

    tid: bytes
    end: int
    positions: dict[bytes, int]


class BrokenTransaction(Exception):
    """The bytes at ``position`` are no intact transaction.

    Attributes
    ----------
    position
        Where the intact part of the file ends.
    torn
        Whether it looks like a write that was interrupted: cut off at the end of the file, or
        never marked as finished.
    """

    def __init__(self, reason: str, position: int, *, torn: bool) -> None:
        super().__init__(f"{reason} at byte {position:,}")
        self.position = position
        self.torn = torn


def walk(file: BinaryIO, start: int, after: bytes) -> Iterator[Seen]:
    """Yield the transactions from byte ``start`` to the end of the file, or to the room behind them.

    Parameters
    ----------
    file
        Buffered; it is read from front to back, one record in memory at a time.
    start
        Where a transaction begins; bytes before it are not looked at.
    after
        Id of the transaction that ends there.

    Raises
    ------
    BrokenTransaction
        At the first that is not intact.
    """
    size = file.seek(0, 2)
    position = start
    while position < size:
        file.seek(position)
        head = file.read(_TRANSACTION.size)
        if is_mark(head):
            return
        seen = _transaction(file, head, position, size, after)
        yield seen
        position, after = seen.end, seen.tid


def _transaction(file: BinaryIO, head: bytes, position: int, size: int, after: bytes) -> Seen:
    if len(head) < _TRANSACTION.size:
        raise BrokenTransaction("the file ends within a transaction", position, torn=True)
    tid, length, status, *texts = _TRANSACTION.unpack(head)
    end = position + length
    if end + 8 > size:
        raise BrokenTransaction("the file ends within a transaction", position, torn=True)
    if status in {b"c", b"\0"}:
        raise BrokenTransaction("a transaction was begun and not finished", position, torn=True)
    if status not in (b" ", b"p") or tid <= after or length < _TRANSACTION.size + sum(texts):
        raise BrokenTransaction("the head of a transaction is damaged", position, torn=False)
    file.seek(sum(texts), 1)
    positions = _records(file, position, end, tid)
    if file.read(8) != head[8:16]:
        raise BrokenTransaction("the end of a transaction is damaged", position, torn=False)
    return Seen(tid, end + 8, positions)


def _records(file: BinaryIO, transaction: int, end: int, tid: bytes) -> dict[bytes, int]:
    positions: dict[bytes, int] = {}
    position = file.tell()
    while position < end:
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            break
        oid, record_tid, _, owner, zero, length = _RECORD.unpack(head)
        positions[oid] = position
        position += _RECORD.size + length
        if position > end or record_tid != tid or owner != transaction or zero:
            raise BrokenTransaction("the head of a record is damaged", transaction, torn=False)
        data = file.read(length)
        if not is_intact(data) or data[-SEAL_BYTES:-8] != oid + tid:
            raise BrokenTransaction(f"the record of object {oid.hex()} is damaged", transaction, torn=False)
    if position != end:
        raise BrokenTransaction("the records of a transaction do not add up", transaction, torn=False)
    return positions
