"""How one chunk is written: as it is, compressed, or as what differs from another chunk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.runs.cutting import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RAW, ZSTD, PATCH, DELTA = b"R", b"Z", b"P", b"D"
_DIFFERENCES = (PATCH, DELTA)
_ID = 16  # bytes of the id of a chunk
_MOST = LARGEST  # bytes of a chunk: more is a bomb
_SAMPLE = 16 << 10
_WIDE: dict[int, int] = {  # enough to find again what is anywhere in two chunks
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.window_log: 20,
    zstd.CompressionParameter.hash_log: 17,
}
_WORD = 8
_EVERY = 32  # words, of which one is compared first


def raw(piece: memoryview) -> bytes:
    """Return a chunk as it is."""
    return b"".join((RAW, piece))


def compressibility(piece: memoryview) -> float:
    """Return to what share of its size a chunk can be compressed, as the first 16 KiB tell: 1 for noise.

    Examples
    --------
    >>> import random
    >>> compressibility(memoryview(bytes(LARGEST))) < 0.01, compressibility(memoryview(random.randbytes(LARGEST)))
    (True, 1.0)
    """
    sample = piece[:_SAMPLE]
    return min(1.0, len(zstd.compress(sample, level=1)) / sample.nbytes) if sample.nbytes else 1.0


def compressed(piece: memoryview) -> bytes:
    """Return a chunk compressed with Zstandard, or as it is where that is shorter."""
    short = zstd.compress(piece, level=1)
    return ZSTD + short if len(short) < piece.nbytes else raw(piece)


def patch(piece: memoryview, base: bytes | memoryview, base_id: str) -> bytes | None:
    """Return a chunk as the 8-byte words that differ from another one, or None if those are many.

    Examples
    --------
    >>> old = bytes(LARGEST)
    >>> new = bytearray(old); new[4000] = 7
    >>> coded = patch(memoryview(new), old, "00" * 16)
    >>> len(coded), decoded(coded, lambda _: old) == new
    (27, True)
    """
    if memoryview(base).nbytes != piece.nbytes or piece.nbytes % _WORD:
        return None
    new, old = np.frombuffer(piece, np.uint64), np.frombuffer(base, np.uint64)
    some = new[::_EVERY] != old[::_EVERY]
    if np.count_nonzero(some) * 2 > len(some):
        return None
    places = np.flatnonzero(new != old)
    if len(places) * (_WORD + 2) * 2 > piece.nbytes:
        return None
    return b"".join((PATCH, bytes.fromhex(base_id), places.astype("<u2").tobytes(), new[places].tobytes()))


def delta(piece: memoryview, base: bytes | memoryview, base_id: str) -> bytes:
    """Return a chunk as what is not in another one: bytes may have been inserted and removed.

    Costs about 1 ms.

    Examples
    --------
    >>> import random
    >>> old = random.Random(1).randbytes(LARGEST // 2)
    >>> new = old[:1000] + b"inserted" + old[1000:]
    >>> coded = delta(memoryview(new), old, "00" * 16)
    >>> len(coded) < 100, decoded(coded, lambda _: old) == new
    (True, True)
    """
    short = zstd.compress(piece, options=_WIDE, zstd_dict=_prefix(base))
    return b"".join((DELTA, bytes.fromhex(base_id), short))


def base_of(coded: bytes) -> str | None:
    """Return the id of the chunk that this one is kept as a difference to, or None where it is whole."""
    return coded[1 : 1 + _ID].hex() if coded[:1] in _DIFFERENCES else None


def _prefix(base: bytes | memoryview) -> Any:
    return zstd.ZstdDict(base, is_raw=True).as_prefix


def _inflated(data: memoryview, prefix: Any = None) -> bytes:
    try:
        inflated = bytes(zstd.ZstdDecompressor(zstd_dict=prefix).decompress(data, max_length=_MOST + 1))
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from error
    if len(inflated) > _MOST:
        raise ValueError("it is larger than a chunk")
    return inflated


def decoded(coded: bytes, load: Callable[[str], Any] | None = None) -> bytes | memoryview:
    """Return the bytes of a chunk.

    Parameters
    ----------
    coded
        As it was written.
    load
        Gives the bytes of the chunk that this one is kept as a difference to; None where it must be whole.

    Raises
    ------
    ValueError
        It was not written by this module, or is damaged.
    """
    kind, rest = coded[:1], memoryview(coded)[1:]
    if kind == RAW:
        return rest
    if kind == ZSTD:
        return _inflated(rest)
    if kind in _DIFFERENCES and load is not None:
        base, body = load(rest[:_ID].hex()), rest[_ID:]
        if kind == DELTA:
            return _inflated(body, _prefix(base))
        count = body.nbytes // (_WORD + 2)
        words = np.frombuffer(bytearray(base), np.uint64).copy()
        words[np.frombuffer(body, "<u2", count)] = np.frombuffer(body, np.uint64, count, 2 * count)
        return words.tobytes()
    raise ValueError("it is of no known kind")
