"""Where the run of a notebook is kept, and who may write it."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from pforge_lab.errors import StateLocked
from pforge_lab.state import open_state

_WAIT = 10.0  # seconds for the kernel of a killed parent to notice


def default_store(output: str) -> str:
    """Return the store of the run that writes a notebook: in a folder beside it that only the user can read."""
    folder = Path(f"{output}.pforge").resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder / "run.fs")


@contextlib.contextmanager
def holding(url: str) -> Any:
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
