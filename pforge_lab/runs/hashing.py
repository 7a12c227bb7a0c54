"""What chunks are called: the hash of their content."""

from __future__ import annotations

import os
import threading
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
    is forked meanwhile, or the interpreter's end, finds none.

    Examples
    --------
    >>> identities([memoryview(b"a"), memoryview(b"b")]) == (identity(b"a"), identity(b"b"))
    True
    """
    count = min(_THREADS, len(pieces) // _MANY)
    if count < 2:
        return tuple(map(identity, pieces))
    share = -(-len(pieces) // count)
    found: list[list[str]] = [[] for _ in range(count)]

    def fill(number: int) -> None:
        found[number].extend(map(identity, pieces[number * share : (number + 1) * share]))

    others = [threading.Thread(target=fill, args=(number,), name="hashing") for number in range(1, count)]
    for other in others:
        other.start()
    fill(0)
    for other in others:
        other.join()
    return tuple(name for part in found for name in part)
