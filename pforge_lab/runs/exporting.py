"""Runs to files, to hand to a colleague or a class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pforge_lab.errors import StateCorrupt
from pforge_lab.runs import api
from pforge_lab.runs.archive import CHUNK, writing
from pforge_lab.runs.chunks import PREFIX as CHUNKS
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.run import Run

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pforge_lab.runs.stores import Place
    from pforge_lab.state import StateManager


def export_run(run: Run | str, path: str | os.PathLike[str], *, state: Place | None = None) -> Path:
    """Write a run with all its lines, records and snapshots into one file, and return its path.

    Whoever imports it can step it back, look at every variable, fork it and go on. Pickle streams
    keep their signature: for people who share your key (``PFORGE_KEY``) everything loads, for
    others what cannot run code. The file is as readable as the store is: variables, logs and
    parameters are in it; leave out what is secret with ``start(..., exclude=[...])``.

    Parameters
    ----------
    run
        The run, or its id. One that is being advanced is exported as it stands.
    path
        The file, by convention ``.pfz``; one of that name is replaced when the new one is complete.
    state
        Where to look for an id.

    Raises
    ------
    UsageError
        The file cannot be written.
    StateError
        The disk does not take it; no half file is left.
    RunNotFound
        There is no run of that id.
    StateCorrupt
        A chunk of the run is missing or damaged in its store.

    RunBusy
        A variable was changed in place here, and somebody else is advancing the run.

    Notes
    -----
    Costs a read of everything the run keeps, each chunk once, and a write of as much, with BLAKE3
    (about 0.2 s per GB). One chunk is in memory at a time, records and manifests all together.

    Examples
    --------
    >>> import pforge_lab as pf, tempfile
    >>> def load(n: int): return list(range(n))
    >>> run = pf.Pipeline.from_functions("p", load).start({"n": 3}, state="memory:")
    >>> record = run.step()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pf.export_run(run, f"{folder}/run.pfz")
    ...     copy = pf.import_run(file, state="memory:export-doctest")
    >>> copy.at("load")["load"], copy.id == run.id
    ([0, 1, 2], True)
    """
    chosen = run if isinstance(run, Run) else api.open_run(run, state=state)
    if isinstance(run, Run):
        run.note_edits()
    journal = Journal(chosen.state, chosen.id)
    target = Path(path)
    with writing(target, chosen.id) as archive:
        head = journal.read_head()
        parts = journal.parts(head)
        for name in sorted(chunks_of(parts)):
            archive.add(CHUNK + name, _chunk(chosen.state, name))
        archive.add("head", head.to_bytes())
        for name, value in parts.items():
            archive.add(name, value)
    return target


def _chunk(state: StateManager, name: str) -> bytes:
    value = state.get(CHUNKS + name)
    if value is None:
        raise StateCorrupt(
            f"chunk {name} is missing in {state.url}; the run cannot be exported", url=state.url
        )
    return value


def chunks_of(parts: Mapping[str, bytes]) -> set[str]:
    """Return the ids of the chunks that the manifests among the parts of a run name."""
    manifests = [text for name, text in parts.items() if name.endswith("/manifest")]
    return {chunk for text in manifests for chunk in Manifest.from_json(json.loads(text)).chunk_ids()}
