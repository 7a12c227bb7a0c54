"""How one chunk is written: as it is, compressed, or as what differs from another chunk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.runs.cutting import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RAW, ZSTD, PATCH = b"R", b"Z", b"P"
_MOST = 2 * CHUNK  # bytes of a chunk: more is a bomb
_SAMPLE = 16 << 10
_WORD = 8


def raw(piece: memoryview) -> bytes:
    """Return a chunk as it is."""
    return b"".join((RAW, piece))


def compresses(piece: memoryview) -> bool:
    """Return whether compression is worth it, from the first 16 KiB: noise is not, text and JSON are."""
    sample = piece[:_SAMPLE]
    return len(zstd.compress(sample, level=1)) < 0.7 * sample.nbytes


def compressed(piece: memoryview) -> bytes:
    """Return a chunk compressed with Zstandard, or as it is where that is shorter."""
    short = zstd.compress(piece, level=1)
    return ZSTD + short if len(short) < piece.nbytes else raw(piece)


def patch(piece: memoryview, base: bytes | memoryview, base_id: str) -> bytes | None:
    """Return a chunk as the 8-byte words that differ from another one, or None if that saves less than half.

    Examples
    --------
    >>> old = bytes(CHUNK)
    >>> new = bytearray(old); new[4000] = 7
    >>> coded = patch(memoryview(new), old, "00" * 16)
    >>> len(coded), decoded(coded, lambda _: old) == new
    (27, True)
    """
    if memoryview(base).nbytes != piece.nbytes or piece.nbytes % _WORD:
        return None
    new, old = np.frombuffer(piece, np.uint64), np.frombuffer(base, np.uint64)
    places = np.flatnonzero(new != old)
    if len(places) * (_WORD + 2) * 2 > piece.nbytes:
        return None
    return b"".join((PATCH, bytes.fromhex(base_id), places.astype("<u2").tobytes(), new[places].tobytes()))


def base_of(coded: bytes) -> str | None:
    """Return the id of the chunk that a patch is over, or None for any other chunk."""
    return coded[1:17].hex() if coded[:1] == PATCH else None


def _inflated(data: memoryview) -> bytes:
    try:
        return bytes(zstd.ZstdDecompressor().decompress(data, max_length=_MOST + 1))
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from error


def decoded(coded: bytes, load: Callable[[str], Any]) -> bytes | memoryview:
    """Return the bytes of a chunk.

    Parameters
    ----------
    coded
        As it was written.
    load
        Gives the bytes of the chunk that a patch is over.

    Raises
    ------
    ValueError
        It was not written by this module, or is damaged.
    """
    kind, rest = coded[:1], memoryview(coded)[1:]
    if kind == RAW:
        return rest
    if kind == ZSTD:
        data = _inflated(rest)
        if len(data) > _MOST:
            raise ValueError("it is larger than a chunk")
        return data
    if kind == PATCH:
        body = rest[16:]
        count = body.nbytes // (_WORD + 2)
        words = np.frombuffer(bytearray(load(rest[:16].hex())), np.uint64).copy()
        words[np.frombuffer(body, "<u2", count)] = np.frombuffer(body, np.uint64, count, 2 * count)
        return words.tobytes()
    raise ValueError("it is of no known kind")
