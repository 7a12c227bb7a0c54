"""Recording in a kernel: each cell that is executed becomes a step of a run."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.errors import one_line
from pforge_lab.notebook.outputs import Overheard, log_of
from pforge_lab.runs.cell import TOOL
from pforge_lab.runs.mentioned import Mentioned
from pforge_lab.runs.performance import fingerprint
from pforge_lab.runs.records import StepRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from pforge_lab.runs.cell import Cell
    from pforge_lab.runs.namespace import NamespaceRecorder

active: list[Recording] = []  # of this process: one at a time


class Recording:
    """Listens to a shell and keeps each cell of a notebook with what it displayed.

    Parameters
    ----------
    shell
        IPython's.
    recorder
        Keeps the namespace.
    cells
        The cells that will come, in order.
    done
        How many of them are not executed again.

    Attributes
    ----------
    trouble
        Why nothing is recorded any more, or None.
    seconds
        What recording has taken, beside the cells themselves.
    """

    def __init__(
        self, shell: InteractiveShell, recorder: NamespaceRecorder, cells: Sequence[Cell] = (), done: int = 0
    ) -> None:
        self.recorder = recorder
        self.trouble: str | None = None
        self.seconds = 0.0
        self._shell = shell
        self._cells = cells
        self._done = done
        self._mentioned = Mentioned()
        for cell in cells[:done]:
            self._mentioned.by(cell.source)
        self._info: Any = None  # of the cell that is being executed; cells that it executes are part of it
        self._scope: Any = None
        self._started = datetime.now(UTC)
        self._clock = 0.0
        self._overheard = Overheard(getattr(getattr(shell, "kernel", None), "session", None))

    def start(self) -> None:
        """Begin to listen."""
        self.recorder.begin()
        self.listen()

    def listen(self) -> None:
        """Be told of cells by the shell."""
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        self._overheard.start()

    def stop(self) -> None:
        """Listen no longer."""
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)
        self._overheard.stop()
        if self.trouble is None:
            self.recorder.end()

    def _before(self, info: Any) -> None:
        if self._info is not None:
            return
        self._info = info
        self._overheard.clear()
        self._started, self._clock = datetime.now(UTC), perf_counter()
        self._scope = meter.enter()

    def _after(self, result: Any) -> None:
        if self._info is None or result.info is not self._info:  # the cell that began it, or a part of one
            return
        reading, seconds = meter.exit(self._scope), perf_counter() - self._clock
        self._info = self._scope = None
        if self.trouble is not None or not result.info.raw_cell.strip():
            return
        clock = perf_counter()
        try:
            self._keep(result, reading, seconds)
        except Exception as error:  # noqa: BLE001 - recording never fails a good job
            self.trouble = f"{one_line(error)}; cells after it are not recorded"
        self.seconds += perf_counter() - clock

    def _keep(self, result: Any, reading: meter.Reading, seconds: float) -> None:
        """Keep a cell: as a step, or as the failure that ended the execution."""
        place = self._done + 1
        record = self._record(result, place, reading, seconds)
        if record.status == "failed" and not self._cells[place - 1].may_fail:
            self.recorder.fail(record)
            return
        self.recorder.keep(record, self._mentioned.by(result.info.raw_cell))
        self._done = place

    def _record(self, result: Any, place: int, reading: meter.Reading, seconds: float) -> StepRecord:
        error = result.error_before_exec or result.error_in_exec
        sys.stdout.flush()
        sys.stderr.flush()
        outputs = self._overheard.outputs()
        return StepRecord(
            index=0,
            step=place,
            label=f"cell {place}",
            tool=TOOL,
            status="failed" if error else "done",
            started=self._started,
            seconds=seconds,
            error=one_line(error) if error else None,
            traceback="".join(traceback.format_exception(error)) if error else None,
            memory=reading,
            logs=log_of(outputs),
            code=fingerprint(self.recorder.run.pipeline, place - 1),
            source=self._cells[place - 1].source if place <= len(self._cells) else result.info.raw_cell,
            outputs=outputs,
        )
