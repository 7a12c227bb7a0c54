"""What a run says of a notebook, in the notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat as _nbformat

if TYPE_CHECKING:
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run

nbformat: Any = _nbformat  # its functions are untyped
REPORT_TAG = "pforge-report"


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
