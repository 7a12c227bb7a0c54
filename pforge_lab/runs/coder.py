"""What the new chunks of one buffer are written as: in full, or as what differs from those before."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from pforge_lab.runs import coding
from pforge_lab.runs.threads import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WORTH = 0.7  # of its size that compression must leave at most
_MANY = 2  # chunks to compress that are worth another thread: 1 ms each against 0.1


class Coder:
    """Codes the new chunks of one buffer, giving up on what did not pay at the first of them.

    Parameters
    ----------
    coded
        Gives a chunk as it is written.
    before
        By place, the chunk that is likely to be the same but for a little.
    moving
        The content chose the cuts: bytes may have been inserted.
    """

    def __init__(self, coded: Callable[[str], bytes], before: Sequence[str], *, moving: bool) -> None:
        self._coded = coded
        self._before = before
        self._moving = moving
        self._share: float | None = None  # of its size that compression leaves
        self._patience = 2 if moving else 1  # chunks may have been joined, or one been split

    def difference(self, piece: memoryview, place: int) -> bytes | None:
        """Return how a chunk is written that the store has not, or None where it is written in full."""
        if self._share is None:
            self._share = coding.compressibility(piece)
        if self._patience and place < len(self._before):
            different = self._different(piece, self._before[place])
            if different is not None and len(different) < self._share * piece.nbytes / 2:
                return different
            self._patience -= 1
        return None

    def in_full(self, pieces: Sequence[memoryview]) -> list[bytes]:
        """Return how chunks are written in full, after `difference` was asked for each."""
        if self._share is not None and self._share < _WORTH:
            return side_by_side(coding.compressed, pieces, worth=_MANY)
        return [coding.raw(piece) for piece in pieces]

    def _different(self, piece: memoryview, old: str) -> bytes | None:
        """Return what differs from a chunk, or None where bytes stay in their places and most differ."""
        coded = self._coded(old)
        base = coding.base_of(coded)
        if base is not None:  # differences are to whole chunks only
            coded, old = self._coded(base), base
        whole = coding.decoded(coded, self._coded)
        patched = coding.patch(piece, whole, old)
        return coding.delta(piece, whole, old) if patched is None and self._moving else patched


def likely(new: Sequence[str], old: Sequence[str]) -> Sequence[str]:
    """Return, by place, the chunk before from which the one there is likely to differ a little.

    Where the content chose the cuts, what has changed stands between the same chunks as before.
    """
    if not old:
        return old
    first = _in_common(old, new)
    last = min(_in_common(old[::-1], new[::-1]), min(len(old), len(new)) - first)
    end = max(len(old) - last - 1, 0)  # of what has changed, at most
    return [old[min(place, end)] for place in range(len(new))]


def _in_common(old: Sequence[str], new: Sequence[str]) -> int:
    pairs = zip(old, new, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
