"""The door to sweeps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pforge_lab.errors import NotKept, UsageError, VariableNotFound
from pforge_lab.runs import api
from pforge_lab.runs.journal import Journal
from pforge_lab.sweeps.grid import Grid, parameter_sets
from pforge_lab.sweeps.landing import land
from pforge_lab.sweeps.pipelines import PipelinePlan, check_pipeline
from pforge_lab.sweeps.progress import Progress, Tally
from pforge_lab.sweeps.table import Member, sweep_frame
from pforge_lab.sweeps.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Executor

    import pandas as pd

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.stores import Place
    from pforge_lab.state import StateManager
    from pforge_lab.sweeps.notebooks import NotebookPlan

    Plan: TypeAlias = PipelinePlan | NotebookPlan

_SERVERS = ("redis:", "rediss:", "unix:", "postgresql:")


def sweep(
    pipeline: Pipeline | str | Path,
    grid: Grid,
    *,
    state: Place | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int | None = None,
    outputs: Collection[str] = (),
    folder: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Execute a pipeline or a notebook with many parameter sets, side by side; again, only what is missing.

    Every set is a run of its own in the store, with an id that follows from the pipeline's
    definition, or the notebook's place, and the parameters. Called again, runs that are done are taken
    as they are, failed and interrupted ones go on from their last completed step, and steps or cells
    whose code has changed since are executed again, with what follows them.

    Parameters
    ----------
    pipeline
        What to execute: a pipeline, whose functions go along to the workers; or the path of a notebook
        (``.ipynb``), each set of which is executed by papermill in a kernel of its own, recorded cell by cell.
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
        Names of variables that the frame has as columns, from the end of each run. Runs of notebooks keep
        their last snapshot for it, and only their records without.
    folder
        Where the output notebooks go: ``NAME-sweep`` beside the notebook by default. Beside each stands
        ``OUTPUT.pforge``, from which it goes on when its worker or kernel was killed.
    progress
        Show how far it is.

    Returns
    -------
    pandas.DataFrame
        One row per set: its parameters, ``status``, ``seconds`` spent in steps, ``peak`` in bytes, the
        outputs, ``error`` and ``run``, the id that ``pf.open_run`` takes; for notebooks ``notebook``, the path
        of the output.

    Raises
    ------
    ParamError
        Parameters of some sets are missing, unknown or wrong, as far as a notebook declares them; all at
        once, before anything is executed.
    UsageError
        The grid, the notebook, the executor or a name among ``outputs`` is none; ``workers`` is given
        beside an executor, or ``folder`` for a pipeline.
    StateError
        The store cannot be opened, or does not take what workers hand back.

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
    began = time.monotonic()
    sets = parameter_sets(grid)
    plan = _plan(pipeline, sets, state, outputs, folder)
    tally = Tally(plan.name, len(sets), kept=len(sets) - len(plan.missing))
    shown = Progress(tally, began) if progress else None
    errors = _execute(plan, Workers(executor, workers), tally, shown) if plan.missing else {}
    if shown is not None:
        shown.show(last=True)
    names = {name for params in plan.sets.values() for name in params}
    return sweep_frame([_member(plan, run, names, outputs, errors.get(run)) for run in plan.sets], outputs)


def _execute(plan: Plan, pool: Workers, tally: Tally, shown: Progress | None) -> dict[str, str]:
    """Execute what is missing; return, by run, what kept a worker from doing its work."""
    errors: dict[str, str] = {}
    try:
        for job, result in plan.results(pool):
            land(plan.store, job, result, errors)
            done = job.run not in errors and api.summary(plan.store, job.run).status == "done"
            tally.done, tally.failed = tally.done + done, tally.failed + (not done)
            if shown is not None:
                shown.show()
    except BaseException:
        pool.close(kill=True)
        raise
    pool.close()
    return errors


def _plan(
    what: Pipeline | str | Path,
    sets: list[dict[str, Any]],
    state: Place | None,
    outputs: Collection[str],
    folder: str | Path | None,
) -> Plan:
    """Return the plan of a sweep, its parameters checked."""
    if isinstance(what, str | Path):
        from pforge_lab.sweeps.notebooks import NotebookPlan, SweptNotebook  # noqa: PLC0415 - papermill is slow to import

        source = SweptNotebook.read(what, folder)
        source.check(sets, outputs)
        store = api.store_of(state)
        return NotebookPlan.of(source, sets, store, _url(state, store), keeps=bool(outputs))
    if folder is not None:
        raise UsageError("folder is where the outputs of notebooks go; a pipeline has none")
    check_pipeline(what, sets, outputs)
    store = api.store_of(state, what)
    return PipelinePlan.of(what, sets, store, _url(state, store))


def _url(state: Place | None, store: StateManager) -> str:
    """Return the URL that workers open: with the password of a server, which the attribute leaves out."""
    return str(state) if isinstance(state, str) and state.startswith(_SERVERS) else store.url


def _member(
    plan: Plan, run: str, names: Collection[str], outputs: Collection[str], error: str | None
) -> Member:
    """Return what became of a set; of the parameters that it leaves out and others name it has the default."""
    given, notebook = plan.sets[run], plan.output(run)
    defaults = plan.defaults(run) if names - given.keys() else {}
    params = dict(given) | {name: defaults[name] for name in defaults if name in names and name not in given}
    if error is not None and not Journal(plan.store, run).exists():
        return Member(params, "failed", error=error, notebook=notebook)
    summary = api.summary(plan.store, run)
    values = _outputs(plan.store, run, outputs) if outputs and summary.status == "done" else {}
    return Member(
        params, summary.status, summary.seconds, summary.peak, values, error or summary.error, run, notebook
    )


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
