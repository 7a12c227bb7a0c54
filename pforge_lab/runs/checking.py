"""What a file must hold to be a run: all of it there, nothing else, and all of it what it says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import PforgeError, StateCorrupt
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import coding
from pforge_lab.runs.archive import CHUNK
from pforge_lab.runs.differences import MOST, Difference
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.exporting import chunks_of
from pforge_lab.runs.hashing import identity
from pforge_lab.runs.head import Head
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.pages import part_names
from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.runs.archive import ArchiveReader
    from pforge_lab.runs.lines import Lines

_MOST_SIZES = 10_000_000  # in all records together: each may be written as little beside the one before
_UNREADABLE = (PforgeError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


def checked(archive: ArchiveReader, *, at_home: bool = True) -> tuple[Head, dict[str, bytes]]:
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
    lengths = {name: len(whole(archive, name)) for name in names}
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
    for name in ("params", "left_out", "drop_unused", "memory", "verify"):
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


def whole(archive: ArchiveReader, name: str, *, base: bool = False) -> bytes | memoryview:
    """Return the bytes of a chunk, which are what its id says."""
    coded = archive.read(CHUNK + name)
    if base and coding.base_of(coded) is not None:
        raise archive.corrupt(f"member '{CHUNK}{name}' is a difference to a difference")
    try:
        piece = coding.decoded(coded, lambda other: whole(archive, other, base=True))
    except StateCorrupt:
        raise
    except Exception as error:  # whatever a decoder raises at bytes that somebody else wrote
        raise archive.corrupt(f"member '{CHUNK}{name}' cannot be read ({error})") from error
    if identity(piece) != name:
        raise archive.corrupt(f"member '{CHUNK}{name}' is not what its name says")
    return piece
