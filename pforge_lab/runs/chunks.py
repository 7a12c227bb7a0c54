"""Buffers in a state manager, cut into chunks that are kept once however often they occur.

A chunk's key is the hash of its content, so what a step did not change costs no bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import xxhash

from pforge_lab.errors import StateCorrupt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pforge_lab.state import StateManager

CHUNK = 256 << 10  # bytes; hashing is fastest within the processor's cache
BATCH = 32 << 20  # bytes per transaction
PREFIX = "pforge/chunk/"


def chunk_ids(data: memoryview) -> list[str]:
    """Return the ids of the chunks that ``data`` is cut into; stores nothing."""
    return [xxhash.xxh3_128_hexdigest(piece) for piece in _pieces(data)]


def _pieces(data: memoryview) -> Iterator[memoryview]:
    return (data[start : start + CHUNK] for start in range(0, data.nbytes, CHUNK))


class Chunks:
    """The chunks of all runs in one state manager.

    Parameters
    ----------
    state
        Where they live.

    Notes
    -----
    Storing costs about 0.1 s per GB for what is there already (XXH3), and the backend's speed
    for what is new. Bytes are in the store, durable, when `flush` has returned.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> chunks = Chunks(open_state("memory:"))
    >>> ids = chunks.put(memoryview(bytes(600_000)))
    >>> chunks.flush()
    >>> len(ids), len(set(ids)), len(chunks.get(ids, 600_000))
    (3, 2, 600000)
    """

    def __init__(self, state: StateManager) -> None:
        self._state = state
        self._known: set[str] = set()
        self._waiting: dict[str, bytes] = {}
        self._waiting_bytes = 0

    def put(self, data: memoryview) -> list[str]:
        """Cut ``data`` into chunks, queue those the store has not, and return the ids of all."""
        return [self._put_one(piece) for piece in _pieces(data)]

    def _put_one(self, piece: memoryview) -> str:
        name = xxhash.xxh3_128_hexdigest(piece)
        if name not in self._known:
            if not self._state.exists(PREFIX + name):
                self._waiting[PREFIX + name] = bytes(piece)
                self._waiting_bytes += piece.nbytes
            self._known.add(name)  # last: an interrupt must not leave it known and neither stored nor queued
            if self._waiting_bytes >= BATCH:
                self.flush()
        return name

    def forget(self) -> None:
        """Forget which chunks the store has: some were collected."""
        self._known.clear()

    def flush(self) -> None:
        """Write what is queued, in one batch.

        Raises
        ------
        StateError
            The store cannot take it; the queue is dropped and forgotten, so that a later `put`
            tries again.
        """
        if not self._waiting:
            return
        try:
            self._state.set_many(self._waiting)
        except BaseException:
            self._known.difference_update(key.removeprefix(PREFIX) for key in self._waiting)
            raise
        finally:
            self._waiting, self._waiting_bytes = {}, 0

    def get(self, ids: Sequence[str], size: int) -> bytearray:
        """Return the ``size`` bytes that `put` cut into ``ids``, as memory of their own.

        Raises
        ------
        StateCorrupt
            A chunk is missing or is not what its hash says.
        """
        whole = bytearray(size)
        view = memoryview(whole)
        for number, name in enumerate(ids):
            piece = self._state.get(PREFIX + name)
            if piece is None or xxhash.xxh3_128_hexdigest(piece) != name:
                wrong = "is missing" if piece is None else "does not match its hash"
                raise StateCorrupt(
                    f"chunk {name} {wrong} in {self._state.url}; snapshots that do not use it can still be opened",
                    url=self._state.url,
                )
            view[number * CHUNK : number * CHUNK + len(piece)] = piece
        return whole
