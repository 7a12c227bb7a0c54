"""Runs from files that somebody else may have written."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import PforgeError, StateCorrupt, UsageError
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import api, coding
from pforge_lab.runs.archive import CHUNK, ArchiveReader
from pforge_lab.runs.chunks import BATCH, PREFIX as CHUNKS, identity
from pforge_lab.runs.differences import MOST, Difference
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.exporting import chunks_of
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.head import Head
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.naming import check_id
from pforge_lab.runs.pages import part_names
from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.retention import Retention

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from pforge_lab.runs.lines import Lines
    from pforge_lab.runs.run import Run
    from pforge_lab.runs.stores import Place
    from pforge_lab.state import StateManager

MAX_BYTES = 16 << 30
_MOST_SIZES = 10_000_000  # in all records together: each may be written as little beside the one before
_UNREADABLE = (PforgeError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


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
        Largest file that is read.

    Raises
    ------
    StateCorrupt
        The file is damaged or is none of ours, naming the member.
    UsageError
        It cannot be read or is larger than ``max_bytes``, or the store has a run of the ``id`` given.

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
        head, parts = _checked(archive)
        store = api.store_of(state)
        chosen = check_id(id) if id is not None else None
        if chosen is not None and Journal(store, chosen).exists():
            raise UsageError(f"there is a run {chosen!r} in {store.url} already; give another id, or none")
        journal = Journal(store, chosen or _free_id(store, archive.run))

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
        head, parts = _checked(archive, at_home=False)
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


def _checked(archive: ArchiveReader, *, at_home: bool = True) -> tuple[Head, dict[str, bytes]]:
    """Return the head and the parts of the run; all is there, nothing else is, and all can be read."""
    head = _read(archive, "head", _read_head)
    if not _are_sound(head.lines, len(archive.names)) or not 0 <= head.attempts <= len(archive.names):
        raise archive.corrupt("member 'head' has lines that no run has")
    wanted = [*part_names(head), *({"functions"} & archive.names)]
    for name in wanted:
        if not name.endswith(("/record", "/manifest")):
            kind = name.rpartition("/")[2] if name[0].isdigit() else name.partition("/")[0]
            _read(archive, name, _READERS[kind])
    _check_records(archive, head.lines)
    _check_manifests(archive, head.lines)
    parts = {name: archive.read(name) for name in wanted}
    chunks = {CHUNK + name for name in chunks_of(parts)}
    differing = sorted(archive.names ^ {"head", *wanted, *chunks})
    if differing:
        raise archive.corrupt(f"member {differing[0]!r} is missing or belongs to nothing")
    _check_chunks(archive, parts)
    if at_home:
        parts["definition"] = _at_home(parts["definition"])
    status = "interrupted" if head.status == "running" else head.status
    return replace(head, status=status, owner=None, carry=None), parts


def _check_records(archive: ArchiveReader, lines: Lines) -> None:
    """Check that all records can be read, each over the one before it, and make up no more than a run may."""
    records: dict[tuple[int, int], StepRecord] = {}
    sizes = 0
    for line, position in lines.places():
        if position:
            name = f"{line:08d}/{position:08d}/record"
            before = records.get((lines.switched(line).holder(position - 1), position - 1))
            records[line, position] = record = _read(archive, name, partial(_read_record, before=before))
            sizes += len(record.sizes)
            if sizes > _MOST_SIZES:
                raise archive.corrupt(f"its records tell sizes of more than {_MOST_SIZES:,} variables")


def _read_record(text: bytes, before: StepRecord | None = None) -> StepRecord:
    return StepRecord.from_json(decoded(text), before)


def _check_manifests(archive: ArchiveReader, lines: Lines) -> None:
    """Check that all snapshots can be read, and that those written as differences lead to one in full."""
    whole: set[tuple[int, int]] = set()
    for line, position in lines.places():
        name = f"{line:08d}/{position:08d}/manifest"
        since = _read(archive, name, _read_manifest)
        if since is None:
            whole.add((line, position))
        elif (line, since) not in whole or position - since > MOST:
            raise archive.corrupt(f"member {name!r} differs from what is not there")


def _read_manifest(text: bytes) -> int | None:
    """Return the position that a snapshot is a difference to, or None; anything wrong with it is raised."""
    data = decoded(text)
    if "since" in data:
        return Difference.from_json(data).since
    Manifest.from_json(data)
    return None


def _check_chunks(archive: ArchiveReader, parts: dict[str, bytes]) -> None:
    """Check that chunks are what their ids say, and make up the buffers that manifests claim."""
    names = (name.removeprefix(CHUNK) for name in archive.names if name.startswith(CHUNK))
    lengths = {name: len(_whole(archive, name)) for name in names}
    for name, text in parts.items():
        groups = Manifest.from_json(decoded(text)).groups if name.endswith("/manifest") else ()
        for cut in (cut for group in groups for cut in (group.stream, *group.buffers)):
            if sum(lengths[chunk] for chunk in cut.ids) != cut.size:
                raise archive.corrupt(f"member {name!r} claims a buffer of another size than its chunks")


def _read(archive: ArchiveReader, name: str, read: Callable[[bytes], Any]) -> Any:
    data = archive.read(name)
    try:
        return read(data)
    except _UNREADABLE as error:
        raise archive.corrupt(f"member {name!r} cannot be read ({type(error).__name__}: {error})") from error


def _read_head(text: bytes) -> Head:
    head = Head.from_bytes(text)
    Retention.of(head.keep)
    Exclusion.of(head.exclude)
    return head


def _read_definition(text: bytes) -> None:
    facts = decoded(text)
    Pipeline.from_dict(facts["pipeline"])
    for name in ("params", "left_out", "drop_unused", "memory"):
        facts[name]


def _read_functions(text: bytes) -> None:
    header, _, _ = text.partition(b"\n")
    facts = decoded(header)
    [*map(str, facts["tools"])], str(facts["signature"])


_READERS: dict[str, Callable[[bytes], Any]] = {
    "definition": _read_definition,
    "functions": _read_functions,
    "attempt": _read_record,
}


def _are_sound(lines: Lines, most: int) -> bool:
    """Return whether each line leaves an earlier one, and there are no more positions than members."""
    if not lines.all or not 0 <= lines.number < len(lines.all):
        return False
    for number, line in enumerate(lines.all):
        parent = None if number == 0 else line.parent
        first = line.number == number and line.parent == parent and 0 <= line.base <= line.end
        if not first or (number == 0 and line.base != 0):
            return False
        if number and not (
            parent is not None and 0 <= parent < number and line.base <= lines.all[parent].end
        ):
            return False
    positions = sum(line.end - line.base for line in lines.all)
    return positions <= most and 0 <= lines.position <= lines.current.end


def _at_home(definition: bytes) -> bytes:
    """Return the definition with the paths of whoever exported it replaced by the current folder."""
    facts = decoded(definition)
    return encoded(facts | {"base_dir": str(Path.cwd()), "source": None})


def _whole(archive: ArchiveReader, name: str, *, base: bool = False) -> bytes | memoryview:
    """Return the bytes of a chunk, which are what its id says."""
    coded = archive.read(CHUNK + name)
    if base and coding.base_of(coded) is not None:
        raise archive.corrupt(f"member '{CHUNK}{name}' is a difference to a difference")
    try:
        piece = coding.decoded(coded, lambda other: _whole(archive, other, base=True))
    except StateCorrupt:
        raise
    except Exception as error:  # whatever a decoder raises at bytes that somebody else wrote
        raise archive.corrupt(f"member '{CHUNK}{name}' cannot be read ({error})") from error
    if identity(piece) != name:
        raise archive.corrupt(f"member '{CHUNK}{name}' is not what its name says")
    return piece


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
        coded = archive.read(member) if kept is None else coding.raw(memoryview(_whole(archive, name)))
        waiting[CHUNKS + name] = coded
        size += len(coded)
        if size >= BATCH:
            store.set_many(waiting, ttl=math.inf)
            waiting, size = {}, 0
    store.set_many(waiting, ttl=math.inf)
