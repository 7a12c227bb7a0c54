"""What a run takes in its store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pforge_lab.runs.chunks import PREFIX as CHUNKS
from pforge_lab.runs.head import HEADS
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.pages import PREFIX as RUNS

if TYPE_CHECKING:
    from pforge_lab.state import StateManager

_READ = 64  # values read at a time


def stored_bytes(state: StateManager, run: str) -> int:
    """Return the bytes that a run takes in its store: its records and snapshots, each chunk once.

    Chunks that other runs share, such as those of its forks, are counted for each of them: deleting the
    run frees at most this much. Reads the run's records and manifests (0.1 ms a position), not its chunks.

    Parameters
    ----------
    state
        The store.
    run
        The whole id of the run; one that is not there takes nothing.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> state = pf.open_state("memory:footprint")
    >>> def load(n: int): return bytes(n)
    >>> run = pf.Pipeline.from_functions("p", load).start({"n": 1_000_000}, state=state)
    >>> before = stored_bytes(state, run.id)
    >>> record = run.step()
    >>> before < stored_bytes(state, run.id) < 1_000_000  # its chunks are all alike, and kept once
    True
    """
    keys = [HEADS + run, *state.keys(f"{RUNS}{run}/")]
    total, chunks = 0, set()
    for start in range(0, len(keys), _READ):
        for key, value in state.get_many(keys[start : start + _READ]).items():
            total += len(value)
            if key.endswith("/manifest"):
                chunks |= Manifest.from_json(json.loads(value)).chunk_ids()
    for name in chunks:
        chunk = state.get_buffer(CHUNKS + name)
        total += 0 if chunk is None else chunk.nbytes
    return total
