"""The client that executes the cells that are left, and has them recorded."""

from __future__ import annotations

import json
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient

from pforge_lab.errors import PforgeError, one_line
from pforge_lab.papermill_engine.recorders import InKernel, answered
from pforge_lab.papermill_engine.report import is_code
from pforge_lab.papermill_engine.termination import Terminated

if TYPE_CHECKING:
    from pforge_lab.papermill_engine.picture import Picture
    from pforge_lab.papermill_engine.recorders import Facts, Recorder

_MODULE = "pforge_lab.notebook.asked"
# As a cell, not within an expression: only in cells is `get_ipython` a builtin, by which pandas knows when
# it is imported that it is in a notebook. What goes wrong is told by the expression.
_IMPORT = f"try:\n    __import__('pforge_lab.late').late.imported({_MODULE!r})\nexcept Exception:\n    pass"


class RecordingFailed(PforgeError):
    """The job was not recorded, and ``strict`` asks for it, or it cannot go on without.

    Examples
    --------
    >>> raise RecordingFailed("the notebook was executed, but not recorded: the disk is full")
    Traceback (most recent call last):
    pforge_lab.papermill_engine.client.RecordingFailed: the notebook was executed, but not recorded: the disk is full
    """


class Client(PapermillNotebookClient):  # type: ignore[misc] # papermill is untyped
    """papermill's client, beside a recorder.

    Attributes
    ----------
    job
        What the recorder is told.
    strict
        Whether a job that cannot be recorded is not executed.
    told
        What is known of the job: how many cells are ``executed``, how one ``failed``; of its recording
        ``run``, ``trouble``, ``remark``, what it took in seconds
        (``start`` once, ``recording`` all cells together), and at its end ``facts`` for the report.
    picture
        Draws these facts while the kernel ends; None where nobody asks for it.
    """

    job: Facts
    strict: bool
    told: Facts
    picture: Picture | None

    def papermill_execute_cells(self) -> None:
        """Execute the cells that are left between the beginning and the end of the recording."""
        self._left = self._place = self.job["done"]
        clock = perf_counter()
        if self.picture is not None:
            self.picture.begin()
        self._recorder: Recorder | None = self._begin()
        self.told["start"] = perf_counter() - clock
        try:
            super().papermill_execute_cells()
            if self._recorder is not None:
                self.told |= {
                    fact: value for fact, value in self._recorder.end().items() if value is not None
                }
                if self.told.get("trouble"):
                    self.told.pop("facts", None)  # as the run stood for the recorder, not as it ends
                if self.picture is not None and "facts" in self.told:
                    self.picture.draw(self.told["facts"])
        finally:
            if self._recorder is not None:
                self._recorder.close()

    def execute_cell(self, cell: Any, cell_index: int, *args: Any, **kwargs: Any) -> Any:
        """Execute a cell, unless it is done already, and have it recorded."""
        if not is_code(cell):
            return super().execute_cell(cell, cell_index, *args, **kwargs)
        if self._left:
            self._left -= 1
            return cell
        self._place += 1
        self.told["executed"] = self._place
        if self._recorder is None:
            return super().execute_cell(cell, cell_index, *args, **kwargs)
        self._recorder.enter()
        error: BaseException | None = None
        try:
            return super().execute_cell(cell, cell_index, *args, **kwargs)
        except Terminated as raised:
            error = raised
            self.shutdown_kernel = "immediate"  # it is busy: asked politely it would take seconds
            self.nb_man.cell_exception(cell, cell_index=cell_index, exception=raised)
            raise
        except BaseException as raised:
            error = raised
            if isinstance(raised, CellExecutionError):
                self.told["failed"] = f"{raised.ename}: {raised.evalue}"
            raise
        finally:
            if error is None or isinstance(error, CellExecutionError):  # else the kernel may be gone
                self._recorder.exit(self._place, cell, error)

    def _begin(self) -> Recorder | None:
        """Begin the recording in the kernel, else beside it; return who records."""
        answer, why = self._first_answer()
        if answer is not None and "trouble" not in answer:
            self.told |= answer
            return InKernel(self._ask, self._pid())
        if answer is None:
            if self.job["run"] is not None:
                raise RecordingFailed(
                    f"nothing was executed: the kernel has no recorder ({why}) that could give it the variables of run "
                    f"{self.job['run']}; install pforge_lab where the kernel is, or execute the notebook whole, without resume"
                )
            remark = f"the kernel has no recorder ({why}): time and memory only, nothing to resume from"
            if self.strict:
                raise RecordingFailed(
                    f"nothing was executed: {remark}; install pforge_lab where the kernel is"
                )
            self.told["remark"] = remark
            from pforge_lab.papermill_engine.beside import Beside  # noqa: PLC0415 - imports what runs need

            try:
                beside = Beside(self.job, self._pid())
            except PforgeError as error:
                answer = {"trouble": one_line(error)}
            else:
                self.told["run"] = beside.run.id
                return beside
        if self.strict or self.job["run"] is not None:
            whole = "; execute the notebook whole, without resume" if self.job["run"] is not None else ""
            raise RecordingFailed(f"nothing was executed: {answer['trouble']}{whole}")
        self.told["trouble"] = f"nothing is recorded: {answer['trouble']}"
        return None

    def _first_answer(self) -> tuple[Facts | None, str]:
        language = self.km.kernel_spec.language if self.km.kernel_spec is not None else ""
        if language.lower() != "python":
            return None, f"its language is {language or 'unknown'}"
        return answered(self._request("begin", json.dumps(self.job)))

    def _ask(self, function: str, *arguments: object) -> Facts:
        answer, why = answered(self._request(function, *arguments))
        return {"trouble": f"the recorder does not answer: {why}"} if answer is None else answer

    def _request(self, function: str, *arguments: object) -> Facts | None:
        """Have the kernel evaluate a call; it takes the time it takes, whatever cells are allowed."""
        call = f"__import__({_MODULE!r}, fromlist=['_']).{function}({', '.join(map(repr, arguments))})"
        request = self.kc.execute(
            _IMPORT, silent=True, store_history=False, user_expressions={"pforge": call}
        )
        limits = {name: getattr(self, name) for name in ("timeout", "timeout_func")}
        try:
            self.set_trait("timeout", None)
            self.set_trait("timeout_func", None)
            reply: Facts | None = self.wait_for_reply(request)
        finally:
            for name, limit in limits.items():
                self.set_trait(name, limit)
        return reply

    def _pid(self) -> int | None:
        """Return the kernel's process, None where it runs elsewhere."""
        pid = getattr(self.km.provisioner, "pid", None)
        return pid if isinstance(pid, int) else None
