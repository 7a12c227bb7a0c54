"""Chunks that no snapshot names any more, and their removal beside whoever writes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pforge_lab.errors import StateConflict
from pforge_lab.runs.chunks import PREFIX as CHUNKS
from pforge_lab.runs.generation import CREATED, GENERATION, token
from pforge_lab.runs.head import HEADS
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.pages import CARRIED, PREFIX as RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.state import StateManager

PART = 2000  # chunks removed per transaction
_READ = 64  # manifests read at a time
_PATIENCE = 50  # times that others may come in between before what is left is spared


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection of chunks did.

    Attributes
    ----------
    removed
        Chunks that no snapshot named, which are gone.
    spared
        Chunks that may be garbage, and stay because runs of the store were advanced all the time.
    kept
        Chunks that snapshots name.
    """

    removed: int
    spared: int
    kept: int

    def __str__(self) -> str:
        """Return one line that tells it."""
        left = f"; {self.spared:,} more were spared while runs advance, collect again later"
        return f"removed {self.removed:,} chunks, kept {self.kept:,}" + (left if self.spared else "")


def collect_chunks(state: StateManager) -> Collected:
    """Remove the chunks that no snapshot of a run and no carried variables need.

    Safe at any moment, beside writers in any thread, process or machine, and when killed: see
    `pforge_lab.runs.generation`. What is removed is gone from the store; a file gets smaller with
    ``state.compact()``.

    Parameters
    ----------
    state
        The store, open for writing.

    Raises
    ------
    StateReadOnly
        It is open for reading only.
    StateError
        It cannot be read or written. What was removed before was garbage; the rest stays.

    Notes
    -----
    Reads every manifest of the store once (small JSON: about 0.1 s per thousand), and the chunks'
    keys. A run that is being advanced meanwhile writes those of its next snapshot again that it
    had just written.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> state = pf.open_state("memory:collection")
    >>> def load(n: int): return list(range(n))
    >>> run = pf.Pipeline.from_functions("p", load).start({"n": 9000}, state=state)
    >>> record = run.step()
    >>> print(collect_chunks(state))
    removed 0 chunks, kept 1
    >>> print(pf.delete_run(run.id, state=state))
    removed 1 chunks, kept 0
    """
    return _Collection(state).collect()


class _Collection:
    def __init__(self, state: StateManager) -> None:
        self._state = state
        self._seen: set[str] = set()  # manifests that have been read
        self._used: set[str] = set()  # chunks they name
        self._created: bytes | None = None

    def collect(self) -> Collected:
        present = {key.removeprefix(CHUNKS) for key in self._state.keys(CHUNKS)}
        removed, failures = 0, 0
        while True:
            guard = self._look()
            garbage = sorted(present - self._used)
            if not garbage or failures == _PATIENCE:
                return Collected(removed, len(garbage), len(present) - len(garbage))
            part = garbage[:PART]
            try:
                with self._state.batch(guard) as batch:
                    for name in part:
                        batch.delete(CHUNKS + name)
                    batch.set(GENERATION, token(), ttl=math.inf)
            except StateConflict:
                failures += 1
                continue
            removed += len(part)
            present.difference_update(part)

    def _look(self) -> dict[str, bytes | None]:
        """Note which chunks are needed, and return what proves that it was all."""
        guard = {key: self._state.get(key) for key in (GENERATION, CREATED)}
        if guard[CREATED] != self._created:  # a run may have been made anew under an id that was read
            self._created = guard[CREATED]
            self._seen.clear()
        guard |= self._state.get_many(self._state.keys(HEADS))
        for key, manifest in self._manifests():
            self._used |= manifest.chunk_ids()
            if not key.startswith(CARRIED):  # those change
                self._seen.add(key)
        return guard

    def _manifests(self) -> Iterator[tuple[str, Manifest]]:
        keys = [key for key in self._state.keys(RUNS) if key.endswith("/manifest") and key not in self._seen]
        keys += self._state.keys(CARRIED)
        for start in range(0, len(keys), _READ):
            for key, text in self._state.get_many(keys[start : start + _READ]).items():
                yield key, Manifest.from_json(json.loads(text))
