"""The note beside the file of what has been promised: the last transaction that was acknowledged."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from pforge_lab.state.zodb.durable import create_private

if TYPE_CHECKING:
    from pathlib import Path

_NOTE = struct.Struct(">8sQ?")  # tid, packed size, whether the disk may be behind
_SIZE = _NOTE.size + 8


@dataclass(frozen=True, slots=True)
class Note:
    """What has been promised about a file.

    Attributes
    ----------
    tid
        The last transaction that was acknowledged.
    packed
        Size of the file when it was last compacted, in bytes.
    relaxed
        Whether transactions were acknowledged before they were on the disk.
    """

    tid: bytes
    packed: int
    relaxed: bool


class Acknowledged:
    """Keep the note, for the price of one small write without a sync per transaction.

    The note is written after the transaction is on the disk, so it never promises what a
    power cut could take (unless ``relaxed`` says so), and a killed process leaves it exact.
    """

    def __init__(self, path: Path) -> None:
        create_private(path)
        self._descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))

    def write(self, note: Note) -> None:
        """Replace the note."""
        content = _NOTE.pack(note.tid, note.packed, note.relaxed)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, content + xxhash.xxh3_64_digest(content))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def read_note(path: Path) -> Note | None:
    """Return the note, or None if there is none that is intact."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(content) != _SIZE or xxhash.xxh3_64_digest(content[:-8]) != content[-8:]:
        return None
    return Note(*_NOTE.unpack(content[:-8]))
