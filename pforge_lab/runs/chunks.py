"""Buffers in a state manager, cut into chunks that are kept once however often they occur.

A chunk's key is the hash of its content, so what a step did not change costs no bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateConflict, StateCorrupt
from pforge_lab.quick import quickly_made
from pforge_lab.runs import coding
from pforge_lab.runs.coder import Coder, likely
from pforge_lab.runs.cutting import LARGEST, by_content, fixed
from pforge_lab.runs.hashing import identities, identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pforge_lab.state import StateManager

BATCH = 32 << 20  # bytes per transaction
_TOGETHER = 32  # chunks that are coded before they are queued: 16 MiB at most
PREFIX = "pforge/chunk/"


@quickly_made
@dataclass(frozen=True, slots=True)
class Cut:
    """A buffer in chunks.

    Attributes
    ----------
    size
        Of the buffer, in bytes.
    ids
        Of its chunks, in order.
    bases
        Further chunks that are needed: some of ``ids`` are kept as what differs from one of these.
    mark
        Hash of the whole buffer where the content chose the cuts; empty where they are fixed.
    """

    size: int
    ids: tuple[str, ...]
    bases: frozenset[str] = frozenset()
    mark: str = ""

    def to_json(self) -> list[Any]:
        """Return the cut as JSON values."""
        return [self.size, self.ids, sorted(self.bases), self.mark]

    @classmethod
    def from_json(cls, data: list[Any]) -> Cut:
        """Make a cut from what `to_json` returned."""
        size, ids, bases, mark = data
        return cls(size, tuple(ids), frozenset(bases), mark)

    def fingerprint(self) -> str:
        """Return what tells equal contents, among cuts of the same kind."""
        return f"{self.size} {self.mark or self.ids}"


NOTHING = Cut(0, ())


class Chunks:
    """The chunks of all runs in one state manager.

    Parameters
    ----------
    state
        Where they live.

    Attributes
    ----------
    waiting
        What is queued, by key: for a batch that stores it together with the manifest that names it.

    Notes
    -----
    Storing costs about 0.1 s per GB for what is there already (XXH3), and the backend's speed
    for what is new. Bytes are in the store, durable, when `flush` has returned, or a batch with all
    that is `waiting`.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> chunks = Chunks(open_state("memory:"))
    >>> cut = chunks.put(memoryview(bytes(600_000)))
    >>> chunks.flush()
    >>> len(cut.ids), len(chunks.get(cut.ids, 600_000))
    (2, 600000)
    """

    def __init__(self, state: StateManager) -> None:
        self._state = state
        self._known: dict[str, str | None] = {}  # in the store or queued: what it differs from, if anything
        self.waiting: dict[str, bytes] = {}
        self._waiting_bytes = 0

    def put(self, data: memoryview, before: Cut = NOTHING, *, moving: bool = False) -> Cut:
        """Cut ``data`` into chunks and queue those the store has not.

        Parameters
        ----------
        data
            The bytes.
        before
            How an earlier state of the same bytes was cut: what differs a little from a chunk there
            is kept as the difference.
        moving
            Bytes are inserted and removed rather than replaced, as in a pickle stream.
        """
        cut, pieces = cut_like(data, before, moving=moving)
        if cut == before:
            return before
        bases = set(before.bases) if not set(before.ids).isdisjoint(cut.ids) else set()
        olds = likely(cut.ids, before.ids) if cut.mark else before.ids
        coder = Coder(self._whole, olds, moving=bool(cut.mark))
        new = self._not_there(pieces, cut.ids)
        for start in range(0, len(new), _TOGETHER):
            self._put_some(dict(islice(new.items(), start, start + _TOGETHER)), coder)
        found = (self._known.get(name) for name in cut.ids)
        bases.update(base for base in found if base is not None)
        return replace(cut, bases=frozenset(bases - set(cut.ids)))

    def _not_there(
        self, pieces: Sequence[memoryview], names: Sequence[str]
    ) -> dict[str, tuple[int, memoryview]]:
        """Return place and content of the chunks that are neither in the store nor queued."""
        new: dict[str, tuple[int, memoryview]] = {}
        for place, (piece, name) in enumerate(zip(pieces, names, strict=True)):
            if name in self._known or name in new:
                continue
            kept = self._state.get(PREFIX + name)
            if kept is None:
                new[name] = place, piece
            else:
                self._known[name] = coding.base_of(kept)
        return new

    def _put_some(self, new: dict[str, tuple[int, memoryview]], coder: Coder) -> None:
        different = dict(zip(new, coder.differences([*new.values()]), strict=True))
        full = [name for name, coded in different.items() if coded is None]
        whole = dict(zip(full, coder.in_full([new[name][1] for name in full]), strict=True))
        for name in new:
            self._queue(name, different[name] or whole[name])

    def _queue(self, name: str, coded: bytes) -> None:
        self.waiting[PREFIX + name] = coded
        self._waiting_bytes += len(coded)
        # Last: an interrupt must not leave it known and neither stored nor queued.
        self._known[name] = coding.base_of(coded)
        if self._waiting_bytes >= BATCH:
            self.flush()

    def forget(self) -> None:
        """Forget which chunks the store has: some were collected, maybe what queued ones differ from."""
        self._known.clear()
        self.written()

    def absent(self) -> dict[str, None]:
        """Return the guard of a batch that stores what is queued.

        A difference is stored only where nobody has written the same chunk meanwhile: whole, a chunk suits
        every snapshot that names it; as a difference only those that know what it differs from.
        """
        return {key: None for key, coded in self.waiting.items() if coding.base_of(coded) is not None}

    def written(self) -> None:
        """Note that what was queued is in the store."""
        self.waiting, self._waiting_bytes = {}, 0

    def drop(self) -> None:
        """Drop what is queued, which the store has not taken: a later `put` queues it again."""
        for key in self.waiting:
            self._known.pop(key.removeprefix(PREFIX), None)
        self.written()

    def flush(self) -> None:
        """Write what is queued, in one batch.

        Raises
        ------
        StateError
            The store cannot take it; the queue is dropped and forgotten, so that a later `put`
            tries again.
        """
        if not self.waiting:
            return
        try:
            self._write()
        except BaseException:
            self.drop()
            raise
        self.written()

    def _write(self) -> None:
        """Write what is queued; what somebody else has written meanwhile, whole instead of as a difference."""
        absent = self.absent()
        try:
            with self._state.batch(absent) as batch:
                for key, coded in self.waiting.items():
                    batch.set(key, coded, ttl=math.inf)  # whatever the store's own expiry is
        except StateConflict:
            pieces = {key: coding.raw(memoryview(self._load(key.removeprefix(PREFIX)))) for key in absent}
            self._state.set_many(self.waiting | pieces, ttl=math.inf)

    def get(self, ids: Sequence[str], size: int) -> bytearray:
        """Return the ``size`` bytes that `put` cut into ``ids``, as memory of their own.

        Raises
        ------
        StateCorrupt
            A chunk is missing or is not what its hash says.
        """
        if size > len(ids) * LARGEST:
            raise self._corrupt(ids[-1] if ids else "-", f"cannot fill the {size:,} bytes that are claimed")
        whole = bytearray(size)
        view = memoryview(whole)
        start = 0
        for name in ids:
            piece = self._load(name)
            end = start + len(piece)
            if end > size:
                raise self._corrupt(name, "is longer than its place")
            view[start:end] = piece
            start = end
        if start != size:
            raise self._corrupt(ids[-1] if ids else "-", "leaves a gap behind it")
        return whole

    def _load(self, name: str, *, base: bool = False) -> bytes | memoryview:
        coded = self._coded(name)
        if base and coding.base_of(coded) is not None:
            raise self._corrupt(name, "is a difference to a difference")
        try:
            piece = coding.decoded(coded, lambda other: self._load(other, base=True))
        except ValueError as error:
            raise self._corrupt(name, f"cannot be read ({error})") from error
        if identity(piece) != name:
            raise self._corrupt(name, "does not match its hash")
        return piece

    def _whole(self, name: str) -> tuple[str, bytes]:
        """Return what a chunk is kept as a difference to, or itself if it is whole: id, and as it is written."""
        near = self._known.get(name) or name
        coded = self._coded(near)
        base = coding.base_of(coded)
        return (near, coded) if base is None else (base, self._coded(base))

    def _coded(self, name: str) -> bytes:
        coded = self.waiting.get(PREFIX + name) or self._state.get(PREFIX + name)
        if coded is None:
            raise self._corrupt(name, "is missing")
        return coded

    def _corrupt(self, name: str, wrong: str) -> StateCorrupt:
        return StateCorrupt(
            f"chunk {name} {wrong} in {self._state.url}; snapshots that do not use it can still be opened",
            url=self._state.url,
        )


def cut_like(
    data: memoryview, before: Cut = NOTHING, *, moving: bool = False
) -> tuple[Cut, list[memoryview]]:
    """Cut a buffer as an earlier state of it was cut, and return its pieces too; stores nothing.

    Fixed cuts become cuts by content where the size has changed and most chunks with it. A buffer
    cut by content that has not changed since gives ``before`` itself, after one pass over it.
    """
    if not (moving or before.mark):
        pieces = list(fixed(data))
        ids = identities(pieces)
        if not _moved(before, data.nbytes, ids):
            return Cut(data.nbytes, ids), pieces
    mark = identity(data)
    if mark == before.mark:
        return before, []
    pieces = list(by_content(data))
    return Cut(data.nbytes, identities(pieces), mark=mark), pieces


def _moved(before: Cut, size: int, ids: tuple[str, ...]) -> bool:
    few = len(ids) < 2 or len(before.ids) < 2
    return size != before.size and not few and len(set(ids) - set(before.ids)) > len(ids) / 2
