"""Whether a store is there: a look that creates nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pforge_lab.errors import UsageError, near_misses
from pforge_lab.state.opening import canonical_url

if TYPE_CHECKING:
    import os


def check_exists(url: str | os.PathLike[str]) -> None:
    """Raise if a URL or path names a store on this machine's disk that is not there.

    A server, or a store in memory, is not looked at: opening it creates no file.

    Raises
    ------
    UsageError
        There is none; the message names those beside it.

    Examples
    --------
    >>> check_exists("memory:example")
    """
    scheme, _, place = canonical_url(url).partition(":")
    path = Path(place)
    if scheme == "zodb":
        if not _is_file(path):
            raise _missing(path, [file.name for file in path.parent.glob("*.fs")])
    elif scheme == "sqlite" and not path.is_file() and not (path / _MAIN).exists():
        raise _missing(path, [file.parent.name for file in path.parent.glob(f"*/{_MAIN}")])


_MAIN = "main.sqlite3"


def _is_file(path: Path) -> bool:
    """Return whether there is a file, also where a compaction has it under its other name at this moment."""
    return path.exists() or path.with_name(path.name + ".old").exists() or path.exists()


def _missing(path: Path, beside: list[str]) -> UsageError:
    return UsageError(f"there is no store {path.name!r} in {path.parent}{near_misses(path.name, beside)}")
