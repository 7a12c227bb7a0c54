"""Where the run of a notebook is kept, and who may write it."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papermill.iorw import papermill_io

from pforge_lab.errors import StateLocked, UsageError
from pforge_lab.runs import places
from pforge_lab.state.opening import canonical_url, open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.state import StateManager

_WAIT = 10.0  # seconds for the kernel of a killed parent to notice


def folder_of_papermill() -> Path:
    """Return the folder that papermill was started in; it may execute the notebook elsewhere."""
    handler = papermill_io.get_handler("here.ipynb")
    folder = handler.cwd(None)
    handler.cwd(folder)
    return Path(folder or ".").resolve()


def whole_path(path: Any) -> str:
    """Return where papermill reads or writes a notebook: the whole path, or the address of another storage."""
    if not isinstance(path, str):
        return ""  # a notebook in memory
    is_local = papermill_io.get_handler(path) is papermill_io.get_handler("here.ipynb")
    return str((folder_of_papermill() / path).resolve()) if is_local else path


def default_store(output: str) -> str:
    """Return the store of the run that writes a notebook: in a folder beside it that only the user can read.

    Raises
    ------
    UsageError
        The folder of the notebook does not exist.
    """
    if output and "://" not in output:
        folder = Path(f"{output}.pforge")
        if not folder.parent.is_dir():
            raise UsageError(
                f"the folder of the output, {folder.parent}, does not exist; make it, or mend the path"
            )
        folder.mkdir(exist_ok=True, mode=0o700)
        return str(folder / "run.fs")
    places.make_folder(places.folder())
    return str(places.folder() / f"{Path(output).stem or 'notebook'}.fs")


def store_url(state: str | None, output: str) -> str:
    """Return the URL of the store, which means the same in the folder that the notebook is executed in.

    Raises
    ------
    UsageError
        It is no kind of store, or one of a single process, which the kernel's would be lost with.
    """
    with contextlib.chdir(folder_of_papermill()):
        url = canonical_url(state or default_store(output))
    if url.startswith("memory:"):
        raise UsageError(
            f"{url} would be lost with the kernel; give a path that ends in .fs, or a server's URL"
        )
    return url


@contextlib.contextmanager
def holding(url: str) -> Iterator[StateManager]:
    """Have the store open for writing, once the kernel that held it is gone."""
    deadline = time.monotonic() + _WAIT
    while True:
        try:
            state = open_state(url)
            break
        except StateLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    try:
        yield state
    finally:
        state.close()
