"""What chunks are called: the hash of their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xxhash

from pforge_lab.runs.threads import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

identity = xxhash.xxh3_128_hexdigest

_MANY = 32  # pieces, of half a MiB at most, that are worth another thread: 1.5 ms of hashing against 0.1


def identities(pieces: Sequence[memoryview]) -> tuple[str, ...]:
    """Return the hash of each piece, in order: about 10 GB/s on one core, on several side by side.

    Examples
    --------
    >>> identities([memoryview(b"a"), memoryview(b"b")]) == (identity(b"a"), identity(b"b"))
    True
    """
    return tuple(side_by_side(identity, pieces, worth=_MANY))
