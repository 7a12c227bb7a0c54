"""Any notebook as a recorded, resumable run: ``papermill IN OUT --engine pforge``."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat as _nbformat
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from pforge_lab.errors import NotKept, PforgeError, StateError, StateLocked
from pforge_lab.runs import api
from pforge_lab.runs.cells import TOOL, Cell, Resumption, plan_resumption, unfinished
from pforge_lab.runs.journal import touched
from pforge_lab.runs.records import StepRecord
from pforge_lab.state import open_state

if TYPE_CHECKING:
    from pforge_lab.runs.run import Run

nbformat: Any = _nbformat  # its functions are untyped
REPORT_TAG = "pforge-report"
_WAIT = 10.0  # seconds for the kernel of a killed parent to notice


class RecordingFailed(PforgeError):
    """The job was not recorded, and ``strict`` asks for it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the engine is asked for, by keyword or else by ``PFORGE_…`` in the environment.

    Attributes
    ----------
    resume
        ``"1"`` for the latest unfinished run of this input and output, or a run's id.
    state
        Path or URL of the store; ``OUTPUT.pforge/run.fs`` by default.
    report, snapshots, strict
        Append the summary; keep the variables; fail when recording fails.
    exclude
        Patterns of variables that are never kept.
    keep
        Which snapshots stay.
    """

    resume: str | None = None
    state: str | None = None
    report: bool = True
    snapshots: bool = True
    strict: bool = False
    exclude: tuple[str, ...] = ()
    keep: Any = field(default_factory=lambda: {"done": "records", "failed": 1})

    @classmethod
    def taken(cls, keywords: dict[str, Any]) -> Options:
        """Return the options, taking what is ours out of the engine's keyword arguments."""
        found: dict[str, Any] = {}
        for name in cls.__slots__:
            text = os.environ.get(f"PFORGE_{name.upper()}")
            value = keywords.pop(f"pforge_{name}", text)
            if value is None:
                continue
            if name in ("report", "snapshots", "strict"):
                value = value not in (False, "0", "", "false")
            elif name == "exclude" and isinstance(value, str):
                value = tuple(filter(None, value.split(",")))
            elif name == "resume":
                value = None if value in (False, "0", "") else "1" if value is True else str(value)
            found[name] = value
        return cls(**found)


class Manager(NotebookExecutionManager):  # type: ignore[misc] # papermill is untyped
    """papermill's, which gives cells that are not executed again what they showed."""

    done: tuple[StepRecord, ...] = ()
    _holds = False

    def save(self, **kwargs: Any) -> None:
        """Write the notebook, unless it is just being emptied."""
        if not self._holds:
            super().save(**kwargs)

    def notebook_start(self, **kwargs: Any) -> None:
        """Begin with the outputs of completed cells in their places, so that a kill loses none."""
        self._holds = True
        super().notebook_start(**kwargs)
        self._holds = False
        for cell, record in zip(code_cells(self.nb), self.done, strict=False):
            cell.outputs = [nbformat.from_dict(output) for output in record.outputs]
            cell.execution_count = record.step
            _describe(cell, record)
        self.save()


class Client(PapermillNotebookClient):  # type: ignore[misc] # papermill is untyped
    """Executes the cells that are left, beside a recorder in the kernel."""

    config_of_recorder: dict[str, Any]
    done: tuple[StepRecord, ...] = ()
    told: dict[str, Any]

    def papermill_execute_cells(self) -> None:
        """Execute the cells between the beginning and the end of the recording."""
        self.told = self._ask("begin", json.dumps(self.config_of_recorder))
        self._left = len(self.done)
        super().papermill_execute_cells()
        if "trouble" not in self.told:
            self.told |= self._ask("end")

    def execute_cell(self, cell: Any, cell_index: int, *args: Any, **kwargs: Any) -> Any:
        """Execute a cell unless it is done already."""
        if is_code(cell) and self._left:
            self._left -= 1
            return cell
        return super().execute_cell(cell, cell_index, *args, **kwargs)

    def _ask(self, function: str, *arguments: str) -> dict[str, Any]:
        call = f"__import__('pforge_lab.notebook.recording', fromlist=['_']).{function}({', '.join(map(repr, arguments))})"
        request = self.kc.execute("", silent=True, store_history=False, user_expressions={"pforge": call})
        reply = self.wait_for_reply(request) or {"content": {}}
        answer = reply["content"].get("user_expressions", {}).get("pforge", {})
        if answer.get("status") != "ok":
            why = answer.get("evalue") or "it is not a Python kernel"
            return {"trouble": f"the kernel has no recorder ({why}): nothing is recorded"}
        return dict(json.loads(ast.literal_eval(answer["data"]["text/plain"])))


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


def default_store(output: str) -> str:
    """Return the store of the run that writes a notebook: in a folder beside it that only the user can read."""
    folder = Path(f"{output}.pforge").resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder / "run.fs")


def _resumption(config: dict[str, Any], cells: list[Cell], options: Options) -> Resumption:
    if options.resume is None:
        return Resumption(0, ())
    with _holding(config["state"]) as state:
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


@contextlib.contextmanager
def _holding(url: str) -> Any:
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


def _record_end(config: dict[str, Any], told: dict[str, Any], error: BaseException) -> None:
    """Write the last record of a run whose kernel is gone."""
    if "run" not in told:
        return
    try:
        with _holding(config["state"]) as state:
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
        with _holding(config["state"]) as state:
            run = api.open_run(told["run"], state=state)
            for record in run.history:
                if record.step is not None:
                    _describe(code_cells(manager.nb)[record.step - 1], record)
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


def attach_command(run: Run) -> str:
    """Return the command that opens a run in a shell."""
    return f"pforge-lab --state {run.state.url} --run {run.id} status"


def report_cell(run: Run) -> Any:
    """Return a cell that shows the run's table and its memory."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401, PLC0415 - no display needed

    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": run._repr_html_(), "text/plain": repr(run)})
    ]
    if any(record.memory for record in run.history):
        import base64  # noqa: PLC0415
        import io  # noqa: PLC0415

        picture, figure = io.BytesIO(), run.plot_memory().get_figure(root=True)
        assert figure is not None  # noqa: S101 - axes of plot_memory stand in one
        figure.savefig(picture, format="png")
        text = base64.b64encode(picture.getvalue()).decode()
        outputs.append(nbformat.v4.new_output("display_data", {"image/png": text}))
    cell = nbformat.v4.new_code_cell("# what the cells above cost, by pforge_lab", outputs=outputs)
    cell.metadata |= {"tags": [REPORT_TAG], "papermill": {"status": "completed", "exception": False}}
    return cell


def is_code(cell: Any) -> bool:
    """Return whether a cell is executed."""
    return bool(cell.cell_type == "code" and cell.source.strip())


def code_cells(nb: Any) -> list[Any]:
    """Return the cells of a notebook that are executed, in order."""
    return [cell for cell in nb.cells if is_code(cell) and REPORT_TAG not in cell.metadata.get("tags", [])]


def _describe(cell: Any, record: StepRecord) -> None:
    memory = None if record.memory is None else replace_none(record.memory._asdict())
    cell.metadata["pforge"] = {
        "position": record.index, "status": record.status, "seconds": record.seconds, "memory": memory,
        "changed": list(record.changed), "not_kept": record.not_kept,
    }  # fmt: skip


def replace_none(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts without those that are not known."""
    return {name: value for name, value in facts.items() if value is not None}


__all__ = ["Options", "PforgeEngine", "RecordingFailed", "attach_command"]
