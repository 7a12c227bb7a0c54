"""Names: of the notebook or script we run in, and of runs."""

from __future__ import annotations

import os
import re
import secrets
import sys
from datetime import datetime
from functools import cache
from pathlib import Path

from pforge_lab.errors import WrongValue


def notebook_path() -> Path | None:
    """Return the path of the notebook or script that is running, where it can be told.

    Jupyter tells kernels through ``JPY_SESSION_NAME``; VS Code through a variable of the
    notebook; scripts are ``__main__.__file__``. Programs that are installed, such as ``pforge-lab``
    or ``papermill``, are not what the user works in: for them there is no such path.
    """
    session = os.environ.get("PFORGE_NOTEBOOK") or os.environ.get("JPY_SESSION_NAME")
    if session:
        return Path(session)
    main = sys.modules.get("__main__")
    vscode = getattr(main, "__vsc_ipynb_file__", None)
    if vscode:
        return Path(vscode)
    script = getattr(main, "__file__", None)
    if script is None or not Path(script).is_file():
        return None
    return _unless_installed(os.path.abspath(script))  # noqa: PTH100 - no link is followed, so that the same text is the same


@cache
def _unless_installed(script: str) -> Path | None:
    """Return the path that a script really has, or None for one of an installed program."""
    path = Path(script).resolve()
    installed = (Path(sys.prefix).resolve(), Path(__file__).resolve().parent.parent)
    return None if any(map(path.is_relative_to, installed)) or "site-packages" in path.parts else path


def notebook_name() -> str | None:
    """Return the file name of the notebook or script, or None."""
    path = notebook_path()
    return path.name if path else None


def run_id(pipeline: str) -> str:
    """Return a new run id: readable, sortable by time within a pipeline, safe as a file name.

    Examples
    --------
    >>> run_id("day of flights")  # such as day-of-flights-20260102-030405-9f3c27d1
    'day-of-flights-20...'
    """
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", pipeline).strip("-") or "run"
    return f"{stem[:40]}-{datetime.now().astimezone():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def check_id(name: str) -> str:
    """Return a run id that a user chose, if it can be one: letters, digits and ``. _ - # @ +``, at most 200.

    Raises
    ------
    WrongValue
        If it cannot.

    Examples
    --------
    >>> check_id("night-shift.3")
    'night-shift.3'
    """
    if re.fullmatch(r"[\w.#@+-]{1,200}", name) is None:
        raise WrongValue(f"a run id is made of letters, digits and . _ - # @ +, not {name!r}")
    return name
