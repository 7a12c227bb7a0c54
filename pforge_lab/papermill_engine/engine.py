"""papermill's engine ``pforge``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papermill.engines import NBClientEngine
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from pforge_lab.errors import NotKept, PforgeError, StateError
from pforge_lab.papermill_engine.client import Client, RecordingFailed
from pforge_lab.papermill_engine.manager import Manager
from pforge_lab.papermill_engine.options import Options
from pforge_lab.papermill_engine.parameters import check_types
from pforge_lab.papermill_engine.picture import Picture
from pforge_lab.papermill_engine.report import Report, cells_of, is_report
from pforge_lab.papermill_engine.store import holding, store_url, whole_path
from pforge_lab.papermill_engine.termination import Terminated, Termination
from pforge_lab.runs.resumed import Resumption

if TYPE_CHECKING:
    from pforge_lab.runs.cell import Cell


class PforgeEngine(NBClientEngine):  # type: ignore[misc] # papermill is untyped
    """papermill's engine ``pforge``: what executes ``papermill IN OUT --engine pforge``.

    Examples
    --------
    >>> import tempfile, nbformat, papermill
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> folder = tempfile.TemporaryDirectory()
    >>> day, done = Path(folder.name, "day.ipynb"), Path(folder.name, "done.ipynb")
    >>> nbformat.write(new_notebook(cells=[new_code_cell("answer = 6 * 7")]), day)
    >>> executed = papermill.execute_notebook(
    ...     day, done, engine_name="pforge", kernel_name="python3", progress_bar=False
    ... )
    >>> import pforge_lab as pf
    >>> with pf.open_state(f"{done}.pforge/run.fs") as state:
    ...     run = pf.open_run(state=state)
    ...     run.status, len(run.records)
    ('done', 1)
    >>> folder.cleanup()
    """

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, *, progress_bar: Any = True, log_output: bool = False, autosave_cell_every: int = 30, **kwargs: Any) -> Any:  # fmt: skip
        """Execute a notebook as a run, or go on with one that broke off.

        Raises
        ------
        NotKept
            A cell that is left reads what the run could not keep. Nothing was executed.
        ParamError
            Parameters are not of the types that the notebook declares. Nothing was executed.
        RunNotFound
            There is no run to go on with by that id.
        RecordingFailed
            Recording failed, and ``strict`` asks for it; or the variables of the run to go on with
            cannot be restored, and nothing was executed.
        """
        options = Options.taken(kwargs)
        check_types(nb)
        nb.cells = [cell for cell in nb.cells if not is_report(cell)]
        config = _config(nb, options, kwargs.get("input_path"), output_path)
        plan = _resumption(config, nb, options)
        manager = Manager(nb, output_path=output_path, progress_bar=progress_bar, log_output=log_output, autosave_cell_every=autosave_cell_every)  # fmt: skip
        manager.done = plan.done
        with contextlib.closing(Picture()) as picture, Termination() as termination:
            manager.notebook_start()
            try:
                client = _client(manager, kernel_name, log_output=log_output, **kwargs)
                client.job, client.strict, client.told = config, options.strict, {}
                client.picture = picture if options.report else None
                try:
                    with termination.executing():
                        client.execute()
                except BaseException as error:
                    _record_end(config, client.told, error)
                    raise
                else:
                    if client.told.get("trouble"):
                        _record_end(config, client.told, RecordingFailed(client.told["trouble"]))
                finally:
                    _finish(manager, Report(config, client.told, plan, options, picture))
            finally:
                manager.cleanup_pbar()
                manager.notebook_complete()
        if options.strict and client.told.get("trouble"):
            raise RecordingFailed(f"the notebook was executed, but not recorded: {client.told['trouble']}")
        return manager.nb


def _client(manager: Manager, kernel_name: str, *, log_output: bool, stdout_file: Any = None, stderr_file: Any = None, start_timeout: int = 60, execution_timeout: int | None = None, **kwargs: Any) -> Client:  # fmt: skip
    safe = remove_args(["timeout", "startup_timeout", "input_path"], **kwargs)
    return Client(
        manager,
        **merge_kwargs(
            safe,
            timeout=execution_timeout or kwargs.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        ),
    )


def _config(nb: Any, options: Options, source: Any, output: str | None) -> dict[str, Any]:
    paths = {"input": whole_path(source), "output": whole_path(output)}
    return {
        "state": store_url(options.state, paths["output"]),
        "name": Path(paths["input"]).stem or "notebook",
        "cells": _told(cells_of(nb, options.exclude)),
        "notebook": paths,
        "params": {name: str(value) for name, value in nb.metadata.papermill.get("parameters", {}).items()},
        "keep": options.keep,
        "exclude": list(options.exclude),
        "snapshots": options.snapshots,
        "id": options.run_id,
        "run": None,
        "position": 0,
        "done": 0,
    }


def _told(cells: list[Cell]) -> list[list[Any]]:
    return [[cell.source, cell.may_fail] for cell in cells]


def _resumption(config: dict[str, Any], nb: Any, options: Options) -> Resumption:
    """Return where the execution begins, and tell of it; the run to go on with is put into ``config``."""
    if options.resume is None:
        return Resumption()
    from pforge_lab.runs import api  # noqa: PLC0415 - what runs need is imported where one is looked into
    from pforge_lab.runs.cells import unfinished  # noqa: PLC0415
    from pforge_lab.runs.resumption import plan_resumption  # noqa: PLC0415

    with holding(config["state"]) as state:
        if options.resume == "1":
            run = unfinished(state, config["notebook"])
        else:
            run = api.open_run(options.resume, state=state)
        if run is None:
            logger.info("pforge: no unfinished run of this notebook: it is executed from its first cell")
            return Resumption()
        cells = cells_of(nb, [*run.head.exclude, *options.exclude])
        config["cells"] = _told(cells)
        plan = plan_resumption(run, cells)
    if plan.missing:
        names = "; ".join(f"{name} ({reason})" for name, reason in plan.missing.items())
        raise NotKept(
            f"cells after {len(plan.done)} need what run {run.id} could not keep: {names}; "
            "nothing was executed; execute the notebook whole, without resume",
            name=next(iter(plan.missing)),
            reason=names,
            label=None,
        )
    for place, reason in plan.reasons.items():
        logger.info(f"pforge: cell {place} is executed again: {reason}")
    if plan.doubtful:
        logger.warning(f"pforge: the cells left may read, without naming it, what was not kept: {', '.join(plan.doubtful)}")  # fmt: skip
    if plan.keeps:
        config |= {"run": run.id, "position": plan.position, "done": len(plan.done)}
    return plan


def _record_end(config: dict[str, Any], told: dict[str, Any], error: BaseException) -> None:
    """Write the last record of a run whose kernel is gone."""
    if "run" not in told:
        return
    from pforge_lab.papermill_engine.ending import log_end  # noqa: PLC0415 - imports what runs need

    asked = isinstance(error, Terminated | KeyboardInterrupt | RecordingFailed)
    try:
        with holding(config["state"]) as state:
            log_end(state, told["run"], error, "interrupted" if asked else "failed")
    except StateError as trouble:
        told.setdefault("trouble", str(trouble))


def _finish(manager: Manager, report: Report) -> None:
    """Put what the run knows into the notebook; what goes wrong here is told, and fails no good job."""
    told = report.told
    if told.get("remark"):
        logger.warning(f"pforge: {told['remark']}")
    if "run" in told:
        try:
            report.write(manager.nb)
        except PforgeError as error:
            told.setdefault("trouble", f"the report is missing: {error}")
    if told.get("trouble"):
        logger.warning(f"pforge: {told['trouble']}")
        manager.nb.metadata["pforge"] = manager.nb.metadata.get("pforge", {}) | {"trouble": told["trouble"]}
