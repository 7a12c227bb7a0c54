"""Files that only their owner reads, and writes that survive a power cut."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


def create_private(path: Path) -> None:
    """Create ``path`` for its owner only, unless it exists."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), PRIVATE_FILE))


def create_private_directory(path: Path) -> None:
    """Create the directory ``path`` for its owner only, unless it exists; and what is missing above it."""
    if not path.is_dir():
        create_private_directory(path.parent)
        path.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)


def sync_file(descriptor: int) -> None:
    """Return when the file's bytes are on the disk itself."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - not on every platform

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def begin_sync(descriptor: int, start: int, size: int) -> None:
    """Let the disk begin with bytes that `sync_file` will wait for, where the system can be told so.

    Linux begins to write what a process says it needs no longer, and keeps in memory what is being written.
    """
    if sys.platform == "linux":
        # A file system may have no ear for advice; what goes wrong with the disk, `sync_file` raises.
        with suppress(OSError):
            os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_DONTNEED)


def sync_path(path: Path) -> None:
    """Return when the bytes of the file ``path`` are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Return when the names in the directory ``path`` are on the disk itself; Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_private(path: Path, content: bytes) -> None:
    """Replace the content of ``path`` in one step: readers see the old or the new, never a part."""
    fresh = path.with_name(path.name + ".new")
    create_private(fresh)
    fresh.write_bytes(content)
    fresh.replace(path)
