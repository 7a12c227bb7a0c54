"""Room behind the last transaction of a file: bytes that are there already.

A file that grows has its new size noted by the file system, which takes the disk as long as the bytes themselves,
and longer while others write. So zeros are written ahead, at the end of a small transaction that finds no room, and
the next ones are written over them. Behind each stands the head of a transaction that was begun and has no length
yet: there the file ends, to whatever reads files of ZODB. A store that is closed has no room.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOM = 256 << 10
#: A larger transaction makes none: to write its bytes twice would take longer than it spares.
SMALL = 64 << 10
_MARK = struct.Struct(">QQc6x")  # id, length and status of a transaction; lengths of texts
MARK_BYTES = _MARK.size


def mark_after(tid: bytes) -> bytes:
    """Return what stands where the next transaction will begin.

    Examples
    --------
    >>> is_mark(mark_after(bytes(8)))
    True
    """
    return _MARK.pack(int.from_bytes(tid, "big") + 1, 0, b"c")


def is_mark(head: bytes) -> bool:
    """Return whether the head of a transaction says that the file ends there."""
    return len(head) == MARK_BYTES and head[8:] == _MARK.pack(0, 0, b"c")[8:]


def is_finished(head: bytes) -> bool:
    """Return whether the head is that of a transaction, be it damaged, and not of one that is being written."""
    return len(head) == MARK_BYTES and head[16:17] not in {b"\0", b"c"}


def is_empty(file: BinaryIO, start: int) -> bool:
    """Return whether nothing but zeros follows ``start``."""
    file.seek(start)
    return not any(block.count(0) < len(block) for block in _blocks(file))


def _blocks(file: BinaryIO) -> Iterable[bytes]:
    return iter(lambda: file.read(ROOM), b"")
