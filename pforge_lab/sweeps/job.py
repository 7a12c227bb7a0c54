"""One run of a sweep as a worker executes it."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cloudpickle

from pforge_lab.errors import PositionError, StepError
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import api
from pforge_lab.runs.journal import Journal
from pforge_lab.state import open_state
from pforge_lab.sweeps.landing import adopted, exported

if TYPE_CHECKING:
    from pforge_lab.runs.run import Run
    from pforge_lab.state import StateManager
    from pforge_lab.sweeps.key import KeyPass

_PROCESS = uuid.uuid4().hex  # with the pid it tells threads of this process from all others on any host


def this_process() -> str:
    """Return what tells this process from any other, on this host or elsewhere."""
    return f"{os.getpid()}-{_PROCESS}"


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told.

    Attributes
    ----------
    run
        Id of the run.
    pipeline, params
        By cloudpickle: functions of the notebook go along, whatever the executor pickles with.
    url
        The store.
    shared
        Whether processes other than ``sender`` can write to the store.
    earlier
        What an earlier execution has left of the run, exported, where the worker cannot read it.
    key
        The user's key.
    """

    run: str
    pipeline: bytes
    params: bytes
    url: str
    shared: bool
    sender: str
    earlier: bytes | None
    key: KeyPass


def packed_pipeline(pipeline: Pipeline) -> bytes:
    """Return a pipeline with its functions as bytes."""
    parts = (pipeline.to_dict(), str(pipeline.base_dir.resolve()), pipeline.source, pipeline.functions())
    packed: bytes = cloudpickle.dumps(parts)
    return packed


def execute(job: Job) -> bytes | None:
    """Execute a run as far as it goes; return it exported when the store is out of reach, else None.

    A step that fails is in the run's record and raises nothing here.
    """
    job.key.take()
    plain, folder, source, functions = cloudpickle.loads(job.pipeline)
    pipeline = Pipeline.from_dict(plain, folder, functions, source=source)
    if job.shared or job.sender == this_process():
        with open_state(job.url) as state:
            _finish(job, pipeline, state)
        return None
    with open_state(f"memory:{job.run}-{uuid.uuid4().hex}") as state:
        if job.earlier is not None:
            adopted(state, job.earlier)
        return exported(state, _finish(job, pipeline, state).id)


def _finish(job: Job, pipeline: Pipeline, state: StateManager) -> Run:
    if Journal(state, job.run).exists():
        run = api.load(state, job.run, pipeline=pipeline)
        leave_stale(run)
    else:
        run = api.start(pipeline, cloudpickle.loads(job.params), state=state, id=job.run)
    with suppress(StepError):
        run.finish()
    return run


def leave_stale(run: Run) -> None:
    """Go back to before the first step whose code has changed since, or to the start if that is not kept."""
    stale = set(run.stale())
    first = next((record.index for record in run.history if record.label in stale), None)
    if first is not None:
        try:
            run.goto(first - 1)
        except PositionError:
            run.goto(0)
