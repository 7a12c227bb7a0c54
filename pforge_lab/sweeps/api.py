"""The door to sweeps."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import Fault, NotKept, ParamError, UsageError, VariableNotFound, near_misses
from pforge_lab.runs import api
from pforge_lab.runs.exporting import export_run
from pforge_lab.runs.importing import adopt_run
from pforge_lab.runs.journal import Journal, heads
from pforge_lab.sweeps.grid import Grid, member_id, parameter_sets
from pforge_lab.sweeps.job import Job, execute, packed_pipeline, this_process
from pforge_lab.sweeps.key import KeyPass
from pforge_lab.sweeps.progress import Progress, Tally
from pforge_lab.sweeps.table import Member, sweep_frame
from pforge_lab.sweeps.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Executor

    import pandas as pd

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.api import Place
    from pforge_lab.state import StateManager

_SHARED = ("redis:", "rediss:", "unix:", "zeo:", "sqlite:", "postgresql:")
_SERVERS = ("redis:", "rediss:", "unix:", "postgresql:")


def sweep(
    pipeline: Pipeline,
    grid: Grid,
    *,
    state: Place | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int | None = None,
    outputs: Collection[str] = (),
    progress: bool = True,
) -> pd.DataFrame:
    """Execute a pipeline with many parameter sets, side by side; again, only what is missing.

    Every set is a run of its own in the store, with an id that follows from the pipeline's
    definition and the parameters. Called again, runs that are done are taken as they are, failed and
    interrupted ones go on from their last completed step, and steps whose code has changed since
    are executed again, with what follows them.

    Parameters
    ----------
    pipeline
        What to execute. Functions of the notebook go along to the workers.
    grid
        A dict of lists, of which every combination is executed; or a list of dicts.
    state
        A state manager or URL, as `Pipeline.start` takes it. Workers write to Redis, ZEO, SQLite and
        PostgreSQL themselves. For a local file or a store in memory they hand their runs back and this
        process writes them, so that a run whose worker was killed begins again at its start. Name
        a server that asks for a password by its URL.
    executor
        Any executor of ``concurrent.futures``; on a Dask cluster that of
        ``distributed.Client(...).get_executor()``; or a function that makes one, called again when
        it breaks. By default a pool of processes (loky).
    workers
        Processes of the default pool; by default as many as there are cores to use.
    outputs
        Names of variables that the frame has as columns, from the end of each run.
    progress
        Show how far it is.

    Returns
    -------
    pandas.DataFrame
        One row per set: its parameters, ``status``, ``seconds`` spent in steps, ``peak`` in bytes, the
        outputs, ``error`` and ``run``, the id that ``pf.open_run`` takes.

    Raises
    ------
    ParamError
        Parameters of some sets are missing, unknown or wrong; all at once, before anything is executed.
    UsageError
        The grid, the executor or a name among ``outputs`` is none.

    Notes
    -----
    Failed steps raise nothing here: see ``status`` and ``error``. A worker that is killed loses nothing
    else: what it and its pool leave undone is executed again, and a set that kills its worker three
    times while nothing else is executed is given up. The key that signs snapshots has to be
    readable by the workers (``PFORGE_KEY`` names it); it is never sent.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> def square(x: int): return x * x
    >>> squares = pf.Pipeline.from_functions("squares", square)
    >>> with ThreadPoolExecutor(2) as pool:
    ...     frame = pf.sweep(squares, {"x": [1, 2, 3]}, state="memory:sweep", executor=pool,
    ...                      outputs=["square"], progress=False)
    >>> frame[["x", "status", "square"]]
       x status  square
    0  1   done       1
    1  2   done       4
    2  3   done       9
    """
    sets = parameter_sets(grid)
    _check(pipeline, sets, outputs)
    store = api.store_of(state, pipeline)
    plan = _Plan.of(pipeline, sets, store, _url(state, store))
    tally = Tally(pipeline.name, len(sets), kept=len(sets) - len(plan.missing))
    shown = Progress(tally)
    errors: dict[str, str] = {}
    if plan.missing:
        pool = Workers(executor, workers)
        try:
            for job, result in pool.results(execute, plan.jobs()):
                _land(store, job, result, errors)
                done = job.run not in errors and api.summary(store, job.run).status == "done"
                tally.done, tally.failed = tally.done + done, tally.failed + (not done)
                if progress:
                    shown.show()
        except BaseException:
            pool.close(kill=True)
            raise
        pool.close()
    if progress:
        shown.show(last=True)
    return sweep_frame([plan.member(run, outputs, errors.get(run)) for run in plan.sets], outputs)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which runs a sweep has, and which of them are missing."""

    pipeline: Pipeline
    sets: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, bool]  # whether there is something of it already
    store: StateManager
    url: str

    @classmethod
    def of(cls, pipeline: Pipeline, sets: list[dict[str, Any]], store: StateManager, url: str) -> _Plan:
        named = {member_id(pipeline.name, pipeline.digest, params): params for params in sets}
        status = {name: head.seen_status() for name, head in heads(store).items() if name in named}
        missing = {
            run: run in status
            for run in named
            if status.get(run) != "done" or api.load(store, run, pipeline=pipeline).stale()
        }
        return cls(pipeline, named, missing, store, url)

    def jobs(self) -> list[Job]:
        import cloudpickle  # noqa: PLC0415 - only where something is executed

        packed, key, shared = packed_pipeline(self.pipeline), KeyPass.of_user(), self.url.startswith(_SHARED)
        return [
            Job(
                run=run,
                pipeline=packed,
                params=cloudpickle.dumps(self.sets[run]),
                url=self.url,
                shared=shared,
                sender=this_process(),
                earlier=_exported(self.store, run) if begun and not shared else None,
                key=key,
            )
            for run, begun in self.missing.items()
        ]

    def member(self, run: str, outputs: Collection[str], error: str | None) -> Member:
        if error is not None and not Journal(self.store, run).exists():
            return Member(self.sets[run], "failed", error=error)
        summary = api.summary(self.store, run)
        values = _outputs(self.store, run, outputs) if outputs and summary.status == "done" else {}
        return Member(
            self.sets[run], summary.status, summary.seconds, summary.peak, values, error or summary.error, run
        )


def _check(pipeline: Pipeline, sets: list[dict[str, Any]], outputs: Collection[str]) -> None:
    faults: list[Fault] = []
    for params in sets:
        try:
            pipeline.check_params(params)
        except ParamError as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise ParamError.of(faults)
    made = set(pipeline.params).union(*(pipeline.writes(index) for index in range(len(pipeline.steps))))
    unknown = [name for name in outputs if name not in made]
    if isinstance(outputs, str) or unknown:
        name = outputs if isinstance(outputs, str) else unknown[0]
        raise UsageError(
            f"outputs is a list of names, such as [{outputs!r}]"
            if isinstance(outputs, str)
            else f"pipeline {pipeline.name!r} makes no variable {name!r}{near_misses(name, made)}"
        )


def _url(state: Place | None, store: StateManager) -> str:
    """Return the URL that workers open: with the password of a server, which the attribute leaves out."""
    return str(state) if isinstance(state, str) and state.startswith(_SERVERS) else store.url


def _exported(store: StateManager, run: str) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        return export_run(api.load(store, run), Path(scratch, "run.pfz")).read_bytes()


def _land(
    store: StateManager, job: Job, result: bytes | BaseException | None, errors: dict[str, str]
) -> None:
    """Keep what a worker handed back."""
    if isinstance(result, BaseException):
        errors[job.run] = f"{type(result).__name__}: {result}"
    elif result is not None:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch, "run.pfz")
            file.write_bytes(result)
            adopt_run(file, store)


def _outputs(store: StateManager, run: str, names: Collection[str]) -> dict[str, Any]:
    """Return variables of a run that is done; None for one that was not made or not kept."""
    loaded = api.load(store, run)
    values: dict[str, Any] = {}
    for name in names:
        try:
            values[name] = loaded[name]
        except (VariableNotFound, NotKept):
            values[name] = None
    return values
