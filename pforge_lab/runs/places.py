"""Where runs live when nobody says: ``.pforge/NAME.fs`` beside the notebook or script."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pforge_lab.errors import StateLocked
from pforge_lab.runs.naming import notebook_path
from pforge_lab.state import StateManager, open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ".pforge"
_REMOTE = frozenset(
    ("9p", "afs", "cifs", "fuse.sshfs", "fuse.rclone", "nfs", "nfs4", "smb3", "smbfs", "drvfs")
)
_SYNCED = ("dropbox", "onedrive", "google drive", "googledrive", "icloud", "nextcloud", "mobile documents")
_said: set[str] = set()


def folder() -> Path:
    """Return the folder that holds the default stores, whether it exists or not."""
    path = notebook_path()
    beside = path.parent if path is not None and path.is_absolute() and path.parent.is_dir() else Path.cwd()
    if _unsafe(beside):
        import platformdirs  # noqa: PLC0415 - rare

        home = Path(platformdirs.user_data_dir("pforge_lab", appauthor=False)) / "runs"
        say(f"{beside} is on a network or synced folder, where stores tear: runs are kept in {home}")
        return home
    return beside / FOLDER


def default_name() -> str:
    """Return NAME of the default store: that of the notebook or script, without its ending."""
    path = notebook_path()
    return path.stem if path is not None else "python"


def default_path() -> Path:
    """Return the file of the default store, whether it exists or not."""
    return folder() / f"{default_name()}.fs"


def default_state(name: str | None = None) -> StateManager:
    """Open the default store for writing, or the next free one when a live process holds it.

    Parameters
    ----------
    name
        Another NAME than that of the notebook.

    Notes
    -----
    When ``NAME.fs`` is held, ``NAME-2.fs`` and so on are tried; which one it is, is said once.
    """
    base = name or default_name()
    make_folder(folder())
    for number in count(1):
        path = folder() / (f"{base}.fs" if number == 1 else f"{base}-{number}.fs")
        try:
            state = open_state(path)
        except StateLocked as error:
            say(f"{path.name} is in use by {_holder(error)}; runs of this process are kept in another file")
            continue
        return state
    raise AssertionError("count never ends")


def _holder(error: StateLocked) -> str:
    return (error.notebook or "another process") + (f" (process {error.pid})" if error.pid else "")


def make_folder(path: Path) -> None:
    """Make a folder for stores that only the user can read and that version control passes over."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = path / ".gitignore"
    if not ignore.exists():
        with suppress(FileExistsError), ignore.open("x", encoding="utf-8") as file:
            file.write("*\n")


def stores() -> Iterator[Path]:
    """Yield the files of the default folder that hold something, those written last first."""
    files = [path for path in folder().glob("*.fs") if path.is_file() and path.stat().st_size]
    yield from sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)


def _unsafe(path: Path) -> bool:
    text = str(path).lower()
    return any(name in text for name in _SYNCED) or _file_system(path) in _REMOTE


def _file_system(path: Path) -> str:
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, name, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = point == "/" or str(path) == point or str(path).startswith(point + os.sep)
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind


def say(message: str) -> None:
    """Tell the user something on stderr, once in a process."""
    if message not in _said:
        _said.add(message)
        print(f"pforge_lab: {message}", file=sys.stderr)  # noqa: T201 - told to the user, once
