"""Runs from files that somebody else may have written."""

from __future__ import annotations

import math
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from pforge_lab.errors import UsageError
from pforge_lab.runs import api, coding
from pforge_lab.runs.archive import CHUNK, ArchiveReader
from pforge_lab.runs.checking import checked, whole
from pforge_lab.runs.chunks import BATCH, PREFIX as CHUNKS
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.naming import check_id

if TYPE_CHECKING:
    import os

    from pforge_lab.runs.run import Run
    from pforge_lab.runs.stores import Place
    from pforge_lab.state import StateManager

MAX_BYTES = 16 << 30


def import_run(
    path: str | os.PathLike[str],
    state: Place | None = None,
    *,
    id: str | None = None,  # noqa: A002 - the public name
    max_bytes: int = MAX_BYTES,
) -> Run:
    """Put a run that `export_run` wrote into a store, and open it. Executes nothing of it.

    Everything is checked before anything is written: the names, number and sizes of the members,
    the hash of each, that records, snapshots and chunks are complete, and that chunks are what
    their ids say. Variables load as from any other store: those signed with another key only
    as far as they cannot run code.

    Parameters
    ----------
    path
        The file.
    state
        The store; by default ``.pforge/NAME.fs`` beside the notebook or script.
    id
        Name of the run in the store. By default its own, or where the store has a run of that id
        already, the first free of ``ID-2``, ``ID-3``, ….
    max_bytes
        Largest file that is read, in bytes; 16 GiB by default.

    Raises
    ------
    StateCorrupt
        The file is damaged or is none of ours, naming the member.
    UsageError
        It cannot be read or is larger than ``max_bytes``, or the ``id`` given cannot be one or is taken
        in the store.
    StateError
        The store cannot be opened or does not take the run, such as `StateLocked` and `StateFull`.

    Notes
    -----
    Tools of modules are looked up from the current folder, as files of the one who exported may not
    be here; carried variables stay where they were. Costs two reads of the file and a write of what
    the store has not.

    Examples
    --------
    >>> import tempfile, pforge_lab as pf
    >>> def one(): return [1, 2, 3]
    >>> run = pf.Pipeline.from_functions("p", one).start(state="memory:")
    >>> record = run.step()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pf.export_run(run, f"{folder}/run.pfz")
    ...     theirs = pf.import_run(f"{folder}/run.pfz", state="memory:theirs")
    >>> theirs.position, theirs["one"]
    (1, [1, 2, 3])
    """
    with ArchiveReader(Path(path), max_bytes) as archive:
        head, parts = checked(archive)
        store = api.store_of(state)
        journal = Journal(store, _free_id(store, archive.run) if id is None else _unused(store, id))

        def keep() -> None:
            _put_chunks(store, archive)
            journal.restore(head, parts)

        until_kept(keep)
    return api.open_run(journal.run, state=store)


def adopt_run(path: Path, store: StateManager) -> None:
    """Put a run that a worker of this user exported into a store, in place of an earlier state of it.

    The run keeps its id and the folder of its pipeline.

    Raises
    ------
    StateCorrupt
        As `import_run`.
    """
    with ArchiveReader(path, MAX_BYTES) as archive:
        head, parts = checked(archive, at_home=False)
        journal = Journal(store, archive.run)

        def keep() -> None:
            _put_chunks(store, archive)
            if journal.exists():
                journal.read_head()
            journal.restore(head, parts)

        until_kept(keep)
        earlier = api.opened(store, archive.run)
        if earlier is not None:
            earlier.refresh()


def _free_id(store: StateManager, run: str) -> str:
    names = chain([run], (f"{run}-{number}" for number in count(2)))
    return next(name for name in names if not Journal(store, name).exists())


def _unused(store: StateManager, run: str) -> str:
    """Return the id that was given, if it can be one and the store has no such run."""
    if Journal(store, check_id(run)).exists():
        raise UsageError(f"there is a run {run!r} in {store.url} already; give another id, or none")
    return run


def _put_chunks(store: StateManager, archive: ArchiveReader) -> None:
    """Write the chunks that the store has not.

    One that the store keeps as a difference is written whole: the chunk it differs from is needed by
    snapshots that name it, and those of this run do not.
    """
    waiting: dict[str, bytes] = {}
    size = 0
    for member in sorted(name for name in archive.names if name.startswith(CHUNK)):
        name = member.removeprefix(CHUNK)
        kept = store.get(CHUNKS + name)
        if kept is not None and coding.base_of(kept) is None:
            continue
        coded = archive.read(member) if kept is None else coding.raw(memoryview(whole(archive, name)))
        waiting[CHUNKS + name] = coded
        size += len(coded)
        if size >= BATCH:
            store.set_many(waiting, ttl=math.inf)
            waiting, size = {}, 0
    store.set_many(waiting, ttl=math.inf)
