"""Runs of workers that cannot write to the store: how they get there, and from there to a worker."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pforge_lab.runs import api
from pforge_lab.runs.exporting import export_run
from pforge_lab.runs.importing import adopt_run

if TYPE_CHECKING:
    from pforge_lab.state import StateManager

_SHARED = ("redis:", "rediss:", "unix:", "zeo:", "sqlite:", "postgresql:")


class Named(Protocol):
    """What workers are told of a run: its id is all that landing needs."""

    @property
    def run(self) -> str:
        """Id of the run."""


def is_shared(url: str) -> bool:
    """Return whether workers write to a store themselves."""
    return url.startswith(_SHARED)


def exported(store: StateManager, run: str) -> bytes:
    """Return a run as the bytes of a file."""
    with tempfile.TemporaryDirectory() as scratch:
        return export_run(api.load(store, run), Path(scratch, "run.pfz")).read_bytes()


def adopted(store: StateManager, data: bytes) -> None:
    """Put a run that was exported into a store, in place of an earlier state of it."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "run.pfz")
        file.write_bytes(data)
        adopt_run(file, store)


def land(
    store: StateManager, job: Named, result: bytes | BaseException | None, errors: dict[str, str]
) -> None:
    """Keep what a worker handed back."""
    if isinstance(result, BaseException):
        errors[job.run] = f"{type(result).__name__}: {result}"
    elif result is not None:
        adopted(store, result)
