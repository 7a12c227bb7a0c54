"""papermill's account of an execution, in which completed cells keep what they showed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat as _nbformat
from papermill.engines import NotebookExecutionManager

from pforge_lab.papermill_engine.report import code_cells
from pforge_lab.runs.cell import description

if TYPE_CHECKING:
    from pforge_lab.runs.records import StepRecord

nbformat: Any = _nbformat  # its functions are untyped


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
            cell.metadata["pforge"] = description(record)
        self.save()
