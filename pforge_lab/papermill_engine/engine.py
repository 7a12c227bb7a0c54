"""papermill's engine ``pforge``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from papermill.engines import NBClientEngine
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from pforge_lab.errors import NotKept, PforgeError, StateError
from pforge_lab.papermill_engine.client import Client
from pforge_lab.papermill_engine.manager import Manager
from pforge_lab.papermill_engine.options import Options
from pforge_lab.papermill_engine.report import REPORT_TAG, attach_command, code_cells, describe, report_cell
from pforge_lab.papermill_engine.store import default_store, holding
from pforge_lab.runs import api
from pforge_lab.runs.cells import TOOL, Cell, Resumption, plan_resumption, unfinished
from pforge_lab.runs.journal import touched
from pforge_lab.runs.records import StepRecord


class RecordingFailed(PforgeError):
    """The job was not recorded, and ``strict`` asks for it."""


class PforgeEngine(NBClientEngine):  # type: ignore[misc] # papermill is untyped
    """papermill's engine ``pforge``."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, *, progress_bar: Any = True, log_output: bool = False, autosave_cell_every: int = 30, **kwargs: Any) -> Any:  # fmt: skip
        """Execute a notebook as a run, or go on with one that broke off.

        Raises
        ------
        NotKept
            A cell that is left reads what the run could not keep. Nothing was executed.
        RunNotFound
            There is no run to go on with by that id.
        """
        options = Options.taken(kwargs)
        nb.cells = [cell for cell in nb.cells if REPORT_TAG not in cell.metadata.get("tags", [])]
        cells = [
            Cell(cell.source, "raises-exception" in cell.metadata.get("tags", [])) for cell in code_cells(nb)
        ]
        config = _config(nb, cells, options, kwargs.get("input_path"), output_path)
        plan = _resumption(config, cells, options)
        manager = Manager(nb, output_path=output_path, progress_bar=progress_bar, log_output=log_output, autosave_cell_every=autosave_cell_every)  # fmt: skip
        manager.done = plan.done
        manager.notebook_start()
        try:
            client = _client(manager, kernel_name, log_output=log_output, **kwargs)
            client.config_of_recorder, client.done, client.told = config, plan.done, {}
            try:
                client.execute()
            except BaseException as error:
                _record_end(config, client.told, error)
                raise
            finally:
                _finish(manager, config, client.told, options, plan)
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


def _config(nb: Any, cells: list[Cell], options: Options, source: Any, output: str | None) -> dict[str, Any]:
    paths = {"input": str(source), "output": str(output)}
    return {
        "state": options.state or default_store(output or "notebook.ipynb"),
        "name": Path(str(source)).stem,
        "cells": [[cell.source, cell.may_fail] for cell in cells],
        "notebook": paths,
        "params": {name: str(value) for name, value in nb.metadata.papermill.get("parameters", {}).items()},
        "keep": options.keep,
        "exclude": list(options.exclude),
        "snapshots": options.snapshots,
        "run": None,
        "position": 0,
        "done": 0,
    }


def _resumption(config: dict[str, Any], cells: list[Cell], options: Options) -> Resumption:
    if options.resume is None:
        return Resumption(0, ())
    with holding(config["state"]) as state:
        if options.resume == "1":
            run = unfinished(state, config["notebook"])
        else:
            run = api.open_run(options.resume, state=state)
        if run is None:
            logger.info("pforge: no unfinished run of this notebook: it is executed from its first cell")
            return Resumption(0, ())
        plan = plan_resumption(run, cells)
    if plan.missing:
        names = "; ".join(f"{name} ({reason})" for name, reason in plan.missing.items())
        raise NotKept(
            f"cells after {len(plan.done)} need what run {run.id} could not keep: {names}; "
            "execute the notebook whole, without resume",
            name=next(iter(plan.missing)),
            reason=names,
            label=None,
        )
    for place, reason in plan.reasons.items():
        logger.info(f"pforge: cell {place} is executed again: {reason}")
    config |= {"run": run.id, "position": plan.position, "done": len(plan.done)}
    return plan


def _record_end(config: dict[str, Any], told: dict[str, Any], error: BaseException) -> None:
    """Write the last record of a run whose kernel is gone."""
    if "run" not in told:
        return
    try:
        with holding(config["state"]) as state:
            run = api.open_run(told["run"], state=state)
            if run.status in ("done", "failed"):
                return
            place = run.timeline.next_step()
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            record = StepRecord(run.position + 1, None if place is None else place + 1, run.next_label or "", TOOL, "failed", datetime.now(UTC), 0.0, error=why)  # fmt: skip
            run.timeline.head = touched(run.timeline.head, status="interrupted")
            run.timeline.log_failure(record)
    except StateError as trouble:
        told["trouble"] = str(trouble)


def _finish(manager: Manager, config: dict[str, Any], told: dict[str, Any], options: Options, plan: Resumption) -> None:  # fmt: skip
    """Put what the run knows into the notebook; what goes wrong here is told, and fails no good job."""
    if told.get("trouble"):
        logger.warning(f"pforge: {told['trouble']}")
    if "run" not in told:
        return
    try:
        with holding(config["state"]) as state:
            run = api.open_run(told["run"], state=state)
            for record in run.history:
                if record.step is not None:
                    describe(code_cells(manager.nb)[record.step - 1], record)
            manager.nb.metadata["pforge"] = {
                "run": run.id, "state": config["state"], "status": run.status, "position": run.position,
                "executed_again": {str(place): reason for place, reason in plan.reasons.items()},
            }  # fmt: skip
            if options.report:
                manager.nb.cells.append(report_cell(run))
            logger.info(f"pforge: run {run.id} is {run.status} at position {run.position}; look into it with: {attach_command(run)}")  # fmt: skip
    except PforgeError as error:
        told.setdefault("trouble", str(error))
        logger.warning(f"pforge: the report is missing: {error}")
