"""What the new chunks of one buffer are written as: in full, or as what differs from those before."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, TypeAlias

from pforge_lab.runs import coding
from pforge_lab.runs.threads import as_they_come, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Pair: TypeAlias = tuple[memoryview, str, bytes]  # a chunk, the id of another, and that as it is written
_WORTH = 0.7  # of its size that compression must leave at most
_SEVERAL = 3  # chunks to compare that are worth threads: 0.3 ms each against 0.2
_MANY = 2  # chunks to compress that are worth another thread: 1 ms each against 0.1


class Coder:
    """Codes the new chunks of one buffer, giving up on what did not pay at the first of them.

    Parameters
    ----------
    whole
        Gives, of a chunk, what it is kept as a difference to, or itself if it is whole: id, and as it is written.
    before
        By place, the chunk that is likely to be the same but for a little.
    moving
        The content chose the cuts: bytes may have been inserted.
    """

    def __init__(
        self, whole: Callable[[str], tuple[str, bytes]], before: Sequence[str], *, moving: bool
    ) -> None:
        self._whole = whole
        self._before = before
        self._moving = moving
        self._share: float | None = None  # of its size that compression leaves
        self._paid = False
        self._patience = 2 if moving else 1  # chunks may have been joined, or one been split

    def differences(self, pieces: Sequence[tuple[int, memoryview]]) -> list[bytes | None]:
        """Return how chunks are written that the store has not, by place; None where one is written in full."""
        if self._share is None and pieces:
            self._share = coding.compressibility(pieces[0][1])
        made: list[bytes | None] = []
        while len(made) < len(pieces) and self._patience and not self._paid:
            made.append(self._difference(self._pair(*pieces[len(made)])))
            self._judge(made[-1:])
        rest = pieces[len(made) :] if self._patience else []
        if len(rest) < _SEVERAL:
            further = [self._difference(self._pair(*one)) for one in rest]
        else:
            further = as_they_come(self._difference, (self._pair(*one) for one in rest))
        self._judge(further)
        return made + further + [None] * (len(pieces) - len(made) - len(rest))

    def _judge(self, made: list[bytes | None]) -> None:
        failures = made.count(None)
        self._paid = self._paid or failures < len(made)
        self._patience = max(0, self._patience - failures)

    def in_full(self, pieces: Sequence[memoryview]) -> list[bytes]:
        """Return how chunks are written in full, after `differences` was asked for them."""
        if self._share is not None and self._share < _WORTH:
            return side_by_side(coding.compressed, pieces, worth=_MANY)
        return [coding.raw(piece) for piece in pieces]

    def _pair(self, place: int, piece: memoryview) -> _Pair | None:
        """Return a chunk, and the whole one that it is likely to differ from a little."""
        return (piece, *self._whole(self._before[place])) if place < len(self._before) else None

    def _difference(self, pair: _Pair | None) -> bytes | None:
        """Return what differs, or None where there is nothing before, or bytes stay in place and most differ."""
        if pair is None:
            return None
        piece, base, coded = pair
        whole = coding.decoded(coded)
        different = coding.patch(piece, whole, base)
        if different is None and self._moving:
            different = coding.delta(piece, whole, base)
        worth = different is not None and len(different) < (self._share or 1) * piece.nbytes / 2
        return different if worth else None


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
