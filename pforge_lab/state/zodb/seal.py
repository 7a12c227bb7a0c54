"""The checksum that every record of the file carries: values, keys and tree pointers alike.

A seal follows the record's pickles, so that every ZODB tool still reads the file: unpicklers
stop before it. It covers the object and transaction ids too, because a record that is intact
but stands for another object, or for an older state, is as wrong as a damaged one.
"""

from __future__ import annotations

import xxhash

SEAL_BYTES = 24


def seal_of(oid: bytes, tid: bytes, *pieces: bytes) -> bytes:
    """Return the seal that follows the data in ``pieces``.

    Examples
    --------
    >>> record = b"data" + seal_of(bytes(8), bytes(7) + b"1", b"da", b"ta")
    >>> unsealed(bytes(8), bytes(7) + b"1", record)
    b'data'
    """
    hashed = xxhash.xxh3_64()
    for piece in pieces:
        hashed.update(piece)
    hashed.update(oid + tid)
    return oid + tid + hashed.digest()


def unsealed(oid: bytes, tid: bytes, record: bytes) -> bytes | None:
    """Return the data of a record that is intact and stands for ``oid`` as of ``tid``; None if it does not."""
    if not is_intact(record) or record[-SEAL_BYTES:-8] != oid + tid:
        return None
    return record[:-SEAL_BYTES]


def is_intact(record: bytes) -> bool:
    """Return whether a record is as it was written."""
    return len(record) > SEAL_BYTES and xxhash.xxh3_64_digest(memoryview(record)[:-8]) == record[-8:]
