"""What chunks are called: the hash of their content."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:
    from collections.abc import Sequence

identity = xxhash.xxh3_128_hexdigest

_MANY = 32  # pieces, of half a MiB at most, that are worth another thread: 1.5 ms of hashing against 0.1
_THREADS = min(4, os.cpu_count() or 1)  # more than these wait for the memory, not for the processor


def identities(pieces: Sequence[memoryview]) -> tuple[str, ...]:
    """Return the hash of each piece, in order: about 10 GB/s on one core, on several side by side.

    Hashing lets go of the interpreter lock. The threads are made for the one call, so that a process that
    is forked later has none of them.

    Examples
    --------
    >>> identities([memoryview(b"a"), memoryview(b"b")]) == (identity(b"a"), identity(b"b"))
    True
    """
    count = min(_THREADS, len(pieces) // _MANY)
    if count < 2:
        return tuple(map(identity, pieces))
    share = -(-len(pieces) // count)
    parts = [pieces[start : start + share] for start in range(0, len(pieces), share)]
    with ThreadPoolExecutor(count) as pool:
        return tuple(chain.from_iterable(pool.map(lambda part: [identity(piece) for piece in part], parts)))
