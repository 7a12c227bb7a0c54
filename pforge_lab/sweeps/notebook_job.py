"""One run of a notebook's sweep as a worker executes it."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import papermill
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import papermill_engines

from pforge_lab.errors import RunError
from pforge_lab.papermill_engine import PforgeEngine
from pforge_lab.papermill_engine.store import default_store, holding
from pforge_lab.runs.journal import Journal
from pforge_lab.sweeps.landing import adopted, exported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.sweeps.key import KeyPass


@dataclass(frozen=True, slots=True)
class NotebookJob:
    """What a worker is told.

    Attributes
    ----------
    run
        Id of the run.
    source, output
        Whole paths of the notebook and of what it becomes.
    folder
        The working folder of the kernel, where the worker has it.
    params
        Of the notebook.
    url
        The store, when workers write to it; None for one beside the output, which is handed back.
    earlier
        What an earlier execution has left of the run, exported, in case that it is not beside the output.
    keeps
        Whether the variables at the end stay.
    key
        The user's key.
    """

    run: str
    source: str
    output: str
    folder: str
    params: dict[str, Any]
    url: str | None
    earlier: bytes | None
    keeps: bool
    key: KeyPass


def execute_notebook(job: NotebookJob) -> bytes | None:
    """Execute a notebook as far as it goes; return its run exported when the store is beside it, else None.

    A cell that fails is in the run's record and raises nothing here.

    Raises
    ------
    RunError
        The notebook was executed, or not, and nothing was recorded; the output says why.
    """
    job.key.take()
    url = job.url or default_store(job.output)
    begun = _begun(job, url)
    papermill_engines.register("pforge", PforgeEngine)
    with suppress(papermill.PapermillExecutionError, DeadKernelError, CellTimeoutError), _loop_of_thread():
        papermill.execute_notebook(
            job.source,
            job.output,
            job.params or None,
            engine_name="pforge",
            progress_bar=False,
            cwd=job.folder if Path(job.folder).is_dir() and job.folder != os.getcwd() else None,  # noqa: PTH109 - as text
            pforge_state=url,
            pforge_run_id=job.run,
            pforge_resume=job.run if begun else False,
            pforge_keep={"done": 1 if job.keeps else "records", "failed": 1},
        )
    with holding(url) as state:
        if not Journal(state, job.run).exists():
            raise RunError(f"nothing was recorded of {job.output}; execute it alone to see why", run=job.run)
        return None if job.url else exported(state, job.run)


@contextmanager
def _loop_of_thread() -> Iterator[None]:
    """Close the loop that the kernel's client makes in a thread, and leaves to it."""
    try:
        yield
    finally:
        if threading.current_thread() is not threading.main_thread():
            ensure_event_loop().close()


def _begun(job: NotebookJob, url: str) -> bool:
    """Return whether there is a run to go on with, put beside the output where it is only in the sweep's store."""
    with holding(url) as state:
        if not Journal(state, job.run).exists() and job.earlier is not None:
            adopted(state, job.earlier)
        return Journal(state, job.run).exists()
