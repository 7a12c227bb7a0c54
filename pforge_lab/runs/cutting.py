"""Where bytes are cut into chunks: at fixed places, or at places that the content chooses.

Fixed places are free and right for what changes in place. Where bytes are inserted or removed,
everything behind moves, and only cuts that move with the content find the same chunks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 256 << 10  # bytes, on average, where the content cuts
#: Of all chunks, and those of fixed places: hashing is fastest within the processor's cache, each costs the
#: store a key, and a difference names its places in 16 bits.
LARGEST = CHUNK * 2
_LEAST, _MOST = CHUNK // 4, LARGEST
_MULTIPLIER = np.uint64(
    0x9E3779B97F4A7C15
)  # 2**64 / golden ratio (Knuth, TAOCP 3, 6.4): spreads all bits upwards
_BELOW = np.uint64(2**64 // CHUNK)  # so that one window in CHUNK cuts


def fixed(data: memoryview) -> Iterator[memoryview]:
    """Yield pieces of 512 KiB; the last may be shorter."""
    return (data[start : start + LARGEST] for start in range(0, data.nbytes, LARGEST))


def by_content(data: memoryview) -> Iterator[memoryview]:
    """Yield pieces of 64 to 512 KiB, cut after 8-byte windows whose hash is small.

    Inserting or removing bytes changes the pieces around that place only. Costs about 3 s per GB.

    Examples
    --------
    >>> import random
    >>> text = random.Random(1).randbytes(4_000_000)
    >>> before = set(map(bytes, by_content(memoryview(text))))
    >>> after = set(map(bytes, by_content(memoryview(b"new" + text))))
    >>> len(after - before) <= 2 < len(after)
    True
    """
    start = 0
    for place in _places(data):
        while place - start > _MOST:
            yield data[start : start + _MOST]
            start += _MOST
        if place - start >= _LEAST or place == data.nbytes:
            yield data[start:place]
            start = place


def _places(data: memoryview) -> list[int]:
    """Return where a window ends that cuts, and the end of the data."""
    found = [np.array([data.nbytes])]
    for shift in range(8):
        count = (data.nbytes - shift) // 8
        if count > 0:
            windows = np.frombuffer(data, np.uint64, count, shift)
            found.append(np.flatnonzero(windows * _MULTIPLIER < _BELOW) * 8 + shift + 8)
    places: list[int] = np.unique(np.concatenate(found)).tolist()
    return places
