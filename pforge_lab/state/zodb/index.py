"""The saved index of a file: a fast start if it is intact, never a reason to believe anything else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import xxhash

from pforge_lab.state.zodb.durable import create_private

if TYPE_CHECKING:
    from pathlib import Path

    from ZODB.fsIndex import fsIndex

_SEAL_BYTES = 16


def save_index(index: fsIndex, position: int, tid: bytes, path: Path) -> None:
    """Write the index of the file up to ``position``, where transaction ``tid`` ends."""
    fresh = path.with_name(path.name + "_tmp")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    create_private(fresh)
    index.save(position, str(fresh))
    digest = xxhash.xxh3_64(fresh.read_bytes())
    digest.update(tid)
    with fresh.open("ab") as file:
        file.write(tid + digest.digest())
    fresh.replace(path)


def read_index_tid(path: Path) -> bytes | None:
    """Return the transaction that an intact index ends with, or None if there is no intact index."""
    try:
        content: Any = memoryview(path.read_bytes())
    except FileNotFoundError:
        return None
    if len(content) <= _SEAL_BYTES or xxhash.xxh3_64_digest(content[:-8]) != content[-8:]:
        return None
    return bytes(content[-_SEAL_BYTES:-8])
