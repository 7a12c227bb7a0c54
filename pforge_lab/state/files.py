"""URLs of stores that are files or folders of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from pforge_lab.errors import WrongValue

_KINDS = {"zodb": ("file", "lab.fs"), "sqlite": ("folder", "lab.db")}


def file_url(scheme: str, rest: str) -> str:
    """Return the URL with the real, absolute path.

    Raises
    ------
    WrongValue
        There is no path in it.

    Examples
    --------
    >>> file_url("zodb", "/tmp/../lab.fs")
    'zodb:/lab.fs'
    """
    if not rest:
        kind, example = _KINDS[scheme]
        raise WrongValue(f"'{scheme}:' names no {kind}; give a path, such as '{scheme}:{example}'")
    return f"{scheme}:{os.path.realpath(Path(rest).expanduser())}"
