"""What a run says of a notebook, in the notebook."""

from __future__ import annotations

import html
import shlex
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import nbformat as _nbformat
from papermill.log import logger

from pforge_lab.errors import one_line
from pforge_lab.papermill_engine.parameters import concealed
from pforge_lab.runs.cell import Cell
from pforge_lab.runs.exclusion import Exclusion

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pforge_lab.papermill_engine.options import Options
    from pforge_lab.papermill_engine.picture import Picture
    from pforge_lab.runs.resumed import Resumption

nbformat: Any = _nbformat  # its functions are untyped
REPORT_TAG = "pforge-report"
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
    picture
        Draws the chart.
    """

    config: dict[str, Any]
    told: dict[str, Any]
    plan: Resumption
    options: Options
    picture: Picture

    def write(self, nb: Any) -> None:
        """Put what is known of the run into the notebook: into the metadata of cells, and as a cell at its end."""
        facts = self.told.pop("facts", None) or self._looked_up()
        cells = code_cells(nb)
        for place, description in facts["cells"]:
            if place <= len(cells):
                cells[place - 1].metadata["pforge"] = description
        chart = self._chart(facts) if self.options.report else None
        remarks = self.remarks(facts)
        nb.metadata["pforge"] = {
            **{name: facts[name] for name in ("run", "state", "status", "position", "exclude")},
            "executed_again": {str(place): reason for place, reason in self.plan.reasons.items()},
            "remarks": remarks,
            "error": facts["error"],
            "recording_seconds": {fact: self.told[fact] for fact in ("start", "recording") if fact in self.told},
        }  # fmt: skip
        if self.options.report:
            nb.cells.append(report_cell(facts, remarks, chart))
        logger.info(f"pforge: run {facts['run']} is {facts['status']} at position {facts['position']}; look into it with: {attach_command(facts['state'], facts['run'])}")  # fmt: skip

    def _chart(self, facts: dict[str, Any]) -> str | None:
        try:
            return self.picture.png(facts)
        except Exception as error:  # noqa: BLE001 - a report fails no good job, whatever the settings of matplotlib are
            self.told["chart"] = f"the memory chart could not be drawn: {one_line(error)}"
            logger.warning(f"pforge: {self.told['chart']}")
            return None

    def _looked_up(self) -> dict[str, Any]:
        """Return the facts of a run whose kernel has not told them, or not all: it failed, or is gone."""
        from pforge_lab.runs.api import open_run  # noqa: PLC0415 - good jobs need none of it here
        from pforge_lab.state.opening import open_state  # noqa: PLC0415
        from pforge_lab.views.told import facts_of  # noqa: PLC0415

        executed, error = (
            (self.told.get("executed", 0), self.told.get("failed")) if self.told.get("trouble") else (0, None)
        )
        with open_state(self.config["state"], mode="r") as state:  # the disk may be full
            return facts_of(open_run(self.told["run"], state=state), executed, error)

    def remarks(self, facts: dict[str, Any]) -> list[str]:
        """Return what there is to say beside the table."""
        remarks = executed_again(self.plan.reasons)
        if self.plan.done:
            remarks.insert(0, f"cells 1 to {len(self.plan.done)} were not executed again: the run went on")
        remarks += [self.told[fact] for fact in ("remark", "chart", "trouble") if self.told.get(fact)]
        if self.told.get("trouble"):
            last = facts["resumable"]
            remarks.append(
                "no cell can be resumed from"
                if last is None
                else f"the last cell that can be resumed from is {last}"
            )
        return remarks


def executed_again(reasons: Mapping[int, str]) -> list[str]:
    """Return why cells were executed again; those in a row for the same reason together.

    Examples
    --------
    >>> executed_again({2: "its code has changed", 3: "it comes after cell 2", 4: "it comes after cell 2"})
    ['cell 2 was executed again: its code has changed', 'cells 3 to 4 were executed again: it comes after cell 2']
    """
    told = []
    for reason, group in groupby(reasons, reasons.__getitem__):
        first, *others = group
        cells = f"cells {first} to {others[-1]} were" if others else f"cell {first} was"
        told.append(f"{cells} executed again: {reason}")
    return told


def attach_command(state: str, run: str) -> str:
    """Return the command that opens a run in a shell.

    Examples
    --------
    >>> attach_command("lab.fs", "night-1")
    'pforge-lab --state lab.fs --run night-1 status'
    """
    return shlex.join(("pforge-lab", "--state", state, "--run", run, "status"))


def report_cell(facts: dict[str, Any], remarks: list[str], chart: str | None) -> Any:
    """Return a cell that shows remarks, the run's table and its memory, a PNG in base64."""
    text, marked = facts["text"], facts["html"]
    if remarks:
        text = "\n".join([*remarks, text])
        marked = "<ul>" + "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks) + "</ul>" + marked
    outputs = [nbformat.v4.new_output("display_data", {"text/html": marked, "text/plain": text})]
    if chart is not None:
        outputs.append(nbformat.v4.new_output("display_data", {"image/png": chart}))
    cell = nbformat.v4.new_code_cell("# what the cells above cost, by pforge_lab", outputs=outputs)
    cell.metadata |= {"tags": [REPORT_TAG], "papermill": {"status": "completed", "exception": False}}
    return cell


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


def cells_of(nb: Any, exclude: Collection[str] = ()) -> list[Cell]:
    """Return the cells of a notebook that are executed, as the steps of a run.

    Parameters
    ----------
    nb
        The notebook.
    exclude
        Patterns of parameters whose values are not told.
    """
    given, exclusion = nb.metadata.get("papermill", {}).get("parameters", {}), Exclusion.of(exclude)
    cells = []
    for cell in code_cells(nb):
        tags = cell.metadata.get("tags", [])
        injected = "injected-parameters" in tags
        source = concealed(cell.source, exclusion, given) if injected else cell.source
        cells.append(Cell(source, "raises-exception" in tags, injected))
    return cells
