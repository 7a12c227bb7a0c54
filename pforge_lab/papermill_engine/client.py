"""The client that executes the cells that are left, beside a recorder in the kernel."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

from papermill.clientwrap import PapermillNotebookClient

from pforge_lab.papermill_engine.report import is_code

if TYPE_CHECKING:
    from pforge_lab.runs.records import StepRecord


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
