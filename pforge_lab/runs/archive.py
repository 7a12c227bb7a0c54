"""A run as one file: a zip whose members are stored as they are, each with its BLAKE3 hash.

::

    chunk/HASH                     as in the store
    head, definition, functions    of the run
    LINE/POSITION/record           and manifest
    attempt/N
    index                          JSON: id of the run; size and BLAKE3 of every member above

The zip's comment names the format and the BLAKE3 of the index. Nothing is compressed here, so the
members are never larger than the file.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Self

from blake3 import blake3

from pforge_lab.errors import StateCorrupt, StateError, UsageError
from pforge_lab.runs.naming import check_id

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = b"pforge_lab run 1 "
CHUNK = "chunk/"
_COMMENT = len(FORMAT) + 64
_NAME = re.compile(
    rf"{CHUNK}[0-9a-f]{{32}}|head|definition|functions|[0-9]{{8}}/[0-9]{{8}}/(?:record|manifest)|attempt/[0-9]{{8}}|index"
)
_MOST_MEMBERS = 4_000_000
_MOST_DIRECTORY = 512 << 20  # bytes of the zip's own list of members
_MOST_CHUNK = 4 << 20  # bytes
_MOST_OTHER = 64 << 20  # bytes of any other member but the index
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier time; equal runs give equal files
_END = struct.Struct("<4s4H2LH")  # the end of a zip: .ZIP File Format Specification, 4.3.16
_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14


class ArchiveWriter:
    """Writes the members of an archive; use `writing`."""

    def __init__(self, file: IO[bytes], run: str) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._run = run
        self._members: dict[str, tuple[int, str]] = {}

    def add(self, name: str, data: bytes) -> None:
        """Add a member."""
        self._write(name, data)
        self._members[name] = (len(data), blake3(data).hexdigest())

    def add_index(self) -> None:
        """Add the index of the members, which makes the archive complete."""
        index = json.dumps({"run": self._run, "members": self._members}).encode()
        self._write("index", index)
        self._zip.comment = FORMAT + blake3(index).hexdigest().encode()

    def close(self) -> None:
        """End the zip."""
        self._zip.close()

    def _write(self, name: str, data: bytes) -> None:
        self._zip.writestr(zipfile.ZipInfo(name, _EPOCH), data)


@contextmanager
def writing(path: Path, run: str) -> Iterator[ArchiveWriter]:
    """Write the archive of a run; the file appears, complete and durable, when the block ends, or not at all.

    Raises
    ------
    UsageError
        There is no such folder, or it cannot be written to.
    StateError
        The disk does not take the file.
    """
    try:
        with _draft(path) as file:
            writer = ArchiveWriter(file, run)
            try:
                yield writer
                writer.add_index()
            finally:
                writer.close()
    except OSError as error:
        kind = StateError if isinstance(error.errno, int) and path.parent.is_dir() else UsageError
        raise kind(
            f"cannot write {path}: {error.strerror or error}; give a file in a folder that exists and has room"
        ) from error


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:  # of mode 0600
        draft = Path(file.name)
        try:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
            file.close()
            draft.replace(path)
        except BaseException:
            file.close()
            with suppress(FileNotFoundError):
                draft.unlink()
            raise


class ArchiveReader:
    """The members of an archive, each checked against its hash whenever it is read.

    Parameters
    ----------
    path
        The file.
    most
        Bytes that all members may have together.

    Attributes
    ----------
    run
        Id of the run.

    Raises
    ------
    StateCorrupt
        It is damaged or not one of ours, naming the member; nothing was read beyond its list of
        members.
    UsageError
        It is larger than ``most``, or is not there.
    """

    def __init__(self, path: Path, most: int) -> None:
        self.path = path
        self._most = most
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise UsageError(
                f"cannot read {path}: {error.strerror}; name a file that export wrote"
            ) from error
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size > self._most:
            raise UsageError(
                f"{self.path} has {size:,} bytes and {self._most:,} are allowed; if you expect that, pass max_bytes={size}"
            )
        comment = self._check_end(size)
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._infos = {info.filename: info for info in self._zip.infolist()}
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise self.corrupt(f"its list of members cannot be read ({error})") from error
        self._check_members(size)
        self._members = self._index(comment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    @property
    def names(self) -> set[str]:
        """Names of all members but the index."""
        return set(self._members)

    def read(self, name: str) -> bytes:
        """Return a member.

        Raises
        ------
        StateCorrupt
            There is none of that name, or it is not what was written.
        """
        if name not in self._members:
            raise self.corrupt(f"member {name!r} is missing")
        data = self._read(name)
        if (len(data), blake3(data).hexdigest()) != self._members[name]:
            raise self.corrupt(f"member {name!r} does not match its hash")
        return data

    def corrupt(self, wrong: str) -> StateCorrupt:
        """Return the error for what is wrong with the file."""
        return StateCorrupt(
            f"{self.path} is damaged or no run that pforge_lab exported: {wrong}; have it exported and sent again",
            url=str(self.path),
        )

    def _check_end(self, size: int) -> bytes:
        """Check the end of the file, so that no list of members is read that is too large; return the comment."""
        if size < _END.size + _COMMENT:
            raise self.corrupt("it is too short")
        end = self._at(size - _END.size - _COMMENT, _END)
        comment = self._file.read(_COMMENT)
        if end[0] != b"PK\5\6" or end[7] != _COMMENT or not comment.startswith(FORMAT):
            raise self.corrupt("it does not end as one")
        count, directory = end[4], end[5]
        if size >= _END.size + _COMMENT + _LOCATOR.size:
            locator = self._at(size - _END.size - _COMMENT - _LOCATOR.size, _LOCATOR)
            if locator[0] == b"PK\6\7" and locator[2] <= size - _END64.size:
                count, directory = self._at(locator[2], _END64)[7:9]
        if count > _MOST_MEMBERS or directory > _MOST_DIRECTORY:
            raise self.corrupt(f"it claims {count:,} members, more than any run has")
        return comment.removeprefix(FORMAT)

    def _at(self, offset: int, layout: struct.Struct) -> tuple[Any, ...]:
        self._file.seek(offset)
        return layout.unpack(self._file.read(layout.size))

    def _check_members(self, size: int) -> None:
        if len(self._infos) != len(self._zip.infolist()):
            raise self.corrupt("a member occurs twice")
        for name, info in self._infos.items():
            most = (
                _MOST_CHUNK if name.startswith(CHUNK) else _MOST_DIRECTORY if name == "index" else _MOST_OTHER
            )
            if _NAME.fullmatch(name) is None:
                raise self.corrupt(f"there is a member {name[:80]!r}, which no run has")
            plain = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
            if not plain or info.flag_bits & 1:
                raise self.corrupt(f"member {name!r} is compressed or encrypted")
            if info.file_size > most:
                raise self.corrupt(
                    f"member {name!r} claims {info.file_size:,} bytes, and {most:,} are allowed"
                )
        if sum(info.file_size for info in self._infos.values()) > size:
            raise self.corrupt("its members overlap")

    def _index(self, comment: bytes) -> dict[str, tuple[int, str]]:
        if "index" not in self._infos:
            raise self.corrupt("member 'index' is missing")
        text = self._read("index")
        if blake3(text).hexdigest().encode() != comment:
            raise self.corrupt("member 'index' does not match its hash")
        try:
            facts = json.loads(text)
            self.run = check_id(facts["run"])
            members = {name: (int(size), str(digest)) for name, (size, digest) in facts["members"].items()}
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise self.corrupt(f"member 'index' cannot be read ({error})") from error
        differing = sorted(members.keys() ^ (self._infos.keys() - {"index"}))
        if differing:
            raise self.corrupt(f"member {differing[0]!r} is missing or is not in the index")
        return members

    def _read(self, name: str) -> bytes:
        try:
            return self._zip.read(self._infos[name])
        except (
            zipfile.BadZipFile,
            EOFError,
            RuntimeError,
            NotImplementedError,
            struct.error,
            OSError,
        ) as error:
            raise self.corrupt(f"member {name!r} cannot be read ({error})") from error
