"""The recorder beside a kernel that has none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import PforgeError, one_line
from pforge_lab.meter.other import ChildrenOf, OtherProcess
from pforge_lab.papermill_engine.store import holding
from pforge_lab.runs.cell import TOOL, Cell
from pforge_lab.runs.cells import start_cells, with_child_peak
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.runs.namespace import NamespaceRecorder
from pforge_lab.runs.performance import fingerprint
from pforge_lab.runs.records import LogLine, StepRecord

if TYPE_CHECKING:
    from pforge_lab.papermill_engine.recorders import Facts


class Beside:
    """Records from this process, for a kernel that has no recorder: time and memory of each cell, no variables.

    Parameters
    ----------
    config
        As the recorder in a kernel is given it.
    pid
        Of the kernel; None where it is not known, and then there is no memory.
    """

    def __init__(self, config: Facts, pid: int | None) -> None:
        self._cells = [Cell(*cell) for cell in config["cells"]]
        self._holding = holding(config["state"])
        self._state = self._holding.__enter__()
        try:
            self.run = start_cells(
                config["name"], self._cells, state=self._state, notebook=config["notebook"], keeps=False,
                keep=config["keep"], exclude=config["exclude"], params=config["params"], id=config["id"],
            )  # fmt: skip
            self._recorder = NamespaceRecorder(self.run, {}, snapshots=False)
            self._recorder.begin()
        except BaseException:
            self.close()
            raise
        self._kernel = None if pid is None else OtherProcess(pid)
        self._children = None if pid is None else ChildrenOf(pid)
        self._trouble: str | None = None
        self._started, self._clock = datetime.now(UTC), 0.0

    def enter(self) -> None:
        """Set the kernel's mark to what is resident now."""
        self._started, self._clock = datetime.now(UTC), perf_counter()
        if self._kernel is not None and self._children is not None:
            self._children.enter()
            self._kernel.enter()

    def exit(self, place: int, cell: Any, error: BaseException | None) -> None:
        """Keep the record of a cell."""
        seconds = perf_counter() - self._clock
        reading = None if self._kernel is None else self._kernel.exit()
        peak = None if self._children is None else self._children.exit()
        shown = [output for output in cell.outputs if output.output_type == "error"]
        failed = error is not None or bool(shown)
        why = f"{shown[-1].ename}: {shown[-1].evalue}" if shown else one_line(error) if error else None
        record = StepRecord(
            index=0, step=place, label=f"cell {place}", tool=TOOL, status="failed" if failed else "done",
            started=self._started, seconds=seconds, error=why, memory=reading, logs=_log(cell.outputs),
            code=fingerprint(self.run.pipeline, place - 1), source=self._cells[place - 1].source, outputs=tuple(json.loads(json.dumps(cell.outputs))),
        )  # fmt: skip
        if peak is not None:
            record = with_child_peak(record, peak)
        try:
            if self._trouble is None and error is None:
                self._recorder.keep(record, ())
            elif self._trouble is None:
                self._recorder.fail(record)
        except PforgeError as trouble:  # recording never fails a good job
            self._trouble = f"{one_line(trouble)}; cells after it are not recorded"

    def end(self) -> Facts:
        """Stop recording."""
        try:
            if self._trouble is None:
                self._recorder.end()
                if self.run.timeline.freed:
                    collect_chunks(self._state)
        except PforgeError as trouble:
            self._trouble = one_line(trouble)
        return {"position": self.run.position, "trouble": self._trouble}

    def close(self) -> None:
        """Give the store back."""
        if getattr(self, "_children", None) is not None:
            self._children.close()  # type: ignore[union-attr] # looked at above
        self._holding.__exit__(None, None, None)


def _log(outputs: Any) -> tuple[LogLine, ...]:
    streams = [output for output in outputs if output.output_type == "stream"]
    return tuple(LogLine(output.name, line) for output in streams for line in output.text.splitlines()[-400:])
