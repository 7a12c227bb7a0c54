"""Work on many pieces of memory in several threads, for what lets go of the interpreter lock."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

P = TypeVar("P")
R = TypeVar("R")

_THREADS = min(4, os.cpu_count() or 1)  # more than these wait for the memory, not for the processor


def side_by_side(call: Callable[[P], R], pieces: Sequence[P], *, worth: int) -> list[R]:
    """Return what ``call`` makes of each piece, in order.

    The threads are made for the one call, which takes 0.1 ms each, so that a process that is forked later has
    none of them.

    Parameters
    ----------
    call, pieces
        What to do, to what.
    worth
        Pieces that are worth another thread.

    Examples
    --------
    >>> side_by_side(len, [b"a", b"bc", b"def"], worth=1)
    [1, 2, 3]
    """
    count = min(_THREADS, len(pieces) // worth)
    if count < 2:
        return [call(piece) for piece in pieces]
    share = -(-len(pieces) // count)
    parts = [pieces[start : start + share] for start in range(0, len(pieces), share)]
    with ThreadPoolExecutor(count) as pool:
        made = pool.map(lambda part: [call(piece) for piece in part], parts)
        return [one for part in made for one in part]


def as_they_come(call: Callable[[P], R], pieces: Iterable[P]) -> list[R]:
    """Return what ``call`` makes of each piece, in order, while this thread fetches the next ones.

    For what takes as long to fetch as to work on.

    Examples
    --------
    >>> as_they_come(len, iter([b"a", b"bc", b"def"]))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(max(1, _THREADS - 1)) as pool:
        return list(pool.map(call, pieces))
