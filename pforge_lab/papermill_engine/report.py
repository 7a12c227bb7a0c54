"""What a run says of a notebook, in the notebook."""

from __future__ import annotations

import base64
import html
import importlib
import io
import shlex
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nbformat as _nbformat
from papermill.log import logger

from pforge_lab.papermill_engine.store import holding
from pforge_lab.runs import api
from pforge_lab.runs.cells import Cell, keeps_variables

if TYPE_CHECKING:
    from pforge_lab.papermill_engine.options import Options
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.resumption import Resumption
    from pforge_lab.runs.run import Run

nbformat: Any = _nbformat  # its functions are untyped
REPORT_TAG = "pforge-report"
_DRAWS = "matplotlib.backends.backend_agg"
_SKIPPED = "skip-execution"  # nbclient's


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an execution.

    Attributes
    ----------
    config, told
        What the recorder was told, and what it told.
    plan
        Where the execution began.
    options
        Of the engine.
    """

    config: dict[str, Any]
    told: dict[str, Any]
    plan: Resumption
    options: Options

    def write(self, nb: Any) -> None:
        """Put what the run knows into the notebook: into the metadata of cells, and as a cell at its end."""
        with holding(self.config["state"]) as state:
            run = api.open_run(self.told["run"], state=state)
            cells = code_cells(nb)
            for record in [*run.history, *filter(None, [run.attempt])]:
                if record.step is not None and record.step <= len(cells):
                    describe(cells[record.step - 1], record)
            nb.metadata["pforge"] = {
                "run": run.id, "state": run.state.url, "status": run.status, "position": run.position,
                "executed_again": {str(place): reason for place, reason in self.plan.reasons.items()},
                "remarks": self.remarks(run),
                "error": run.head.error,
                "recording_seconds": {fact: self.told[fact] for fact in ("start", "recording") if fact in self.told},
            }  # fmt: skip
            if self.options.report:
                nb.cells.append(report_cell(run, self.remarks(run)))
            logger.info(f"pforge: run {run.id} is {run.status} at position {run.position}; look into it with: {attach_command(run)}")  # fmt: skip

    def remarks(self, run: Run) -> list[str]:
        """Return what there is to say beside the table."""
        remarks = [
            f"cell {place} was executed again: {reason}" for place, reason in self.plan.reasons.items()
        ]
        if self.plan.done:
            remarks.insert(0, f"cells 1 to {len(self.plan.done)} were not executed again: the run went on")
        remarks += [self.told[fact] for fact in ("remark", "trouble") if self.told.get(fact)]
        if self.told.get("trouble"):
            remarks.append(last_resumable(run))
        return remarks


def last_resumable(run: Run) -> str:
    """Return in words where a run can go on from."""
    done = [record.step for record in run.history if record.step is not None]
    if not done or not keeps_variables(run):
        return "no cell can be resumed from"
    return f"the last cell that can be resumed from is {done[-1]}"


def attach_command(run: Run) -> str:
    """Return the command that opens a run in a shell."""
    return shlex.join(("pforge-lab", "--state", run.state.url, "--run", run.id, "status"))


def report_cell(run: Run, remarks: list[str]) -> Any:
    """Return a cell that shows remarks, the run's table and its memory."""
    text, marked = repr(run), run._repr_html_()
    if remarks:
        text = "\n".join([*remarks, text])
        marked = "<ul>" + "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks) + "</ul>" + marked
    outputs = [nbformat.v4.new_output("display_data", {"text/html": marked, "text/plain": text})]
    if any(record.memory for record in run.history):
        outputs.append(nbformat.v4.new_output("display_data", {"image/png": _chart(run)}))
    cell = nbformat.v4.new_code_cell("# what the cells above cost, by pforge_lab", outputs=outputs)
    cell.metadata |= {"tags": [REPORT_TAG], "papermill": {"status": "completed", "exception": False}}
    return cell


def import_early() -> None:
    """Import what draws the chart in another thread, while the kernel starts: that takes a second."""
    threading.Thread(
        target=importlib.import_module, args=(_DRAWS,), name="pforge imports", daemon=True
    ).start()


def _chart(run: Run) -> str:
    importlib.import_module(_DRAWS)  # draws without a display
    picture, figure = io.BytesIO(), run.plot_memory().get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes of plot_memory stand in one
    figure.savefig(picture, format="png")
    return base64.b64encode(picture.getvalue()).decode()


def is_report(cell: Any) -> bool:
    """Return whether a cell is one that an earlier execution has appended."""
    return REPORT_TAG in cell.metadata.get("tags", [])


def is_code(cell: Any) -> bool:
    """Return whether a cell is executed."""
    return bool(
        cell.cell_type == "code" and cell.source.strip() and _SKIPPED not in cell.metadata.get("tags", [])
    )


def code_cells(nb: Any) -> list[Any]:
    """Return the cells of a notebook that are executed, in order."""
    return [cell for cell in nb.cells if is_code(cell) and not is_report(cell)]


def cells_of(nb: Any) -> list[Cell]:
    """Return the cells of a notebook that are executed, as the steps of a run."""
    tagged = [(cell, cell.metadata.get("tags", [])) for cell in code_cells(nb)]
    return [
        Cell(cell.source, "raises-exception" in tags, "injected-parameters" in tags) for cell, tags in tagged
    ]


def describe(cell: Any, record: StepRecord) -> None:
    """Put what a record knows into the metadata of its cell."""
    memory = None if record.memory is None else replace_none(record.memory._asdict())
    cell.metadata["pforge"] = {
        "position": record.index, "status": record.status, "seconds": record.seconds, "memory": memory,
        "changed": list(record.changed), "not_kept": record.not_kept,
    }  # fmt: skip


def replace_none(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts without those that are not known."""
    return {name: value for name, value in facts.items() if value is not None}
