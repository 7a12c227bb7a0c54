"""Recording a live notebook: ``%pforge record on`` makes each executed cell a step of a run."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import UsageError
from pforge_lab.notebook.recording import Recording, active
from pforge_lab.runs.cell import Cell
from pforge_lab.runs.cells import grow_cells, notebook_of, start_cells
from pforge_lab.runs.namespace import NamespaceRecorder
from pforge_lab.runs.naming import notebook_path
from pforge_lab.runs.places import default_name
from pforge_lab.runs.surroundings import changes_at

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pforge_lab import meter
    from pforge_lab.cli.session import Session
    from pforge_lab.runs.run import Run


class LiveRecording(Recording):
    """Makes each cell a step; goes with the run when a command moves it, forks it or selects another.

    Parameters
    ----------
    shell
        IPython's.
    session
        What commands act on: its run is the one that is recorded.
    run
        The run to begin with.
    """

    def __init__(self, shell: InteractiveShell, session: Session, run: Run) -> None:
        super().__init__(shell, NamespaceRecorder(run, shell.user_ns, shell.user_ns_hidden))
        self._session = session

    def start(self) -> None:
        """Begin to listen; the run may be moved by commands between cells."""
        self._place = _place(self.recorder.run)
        self.listen()

    def _keep(self, result: Any, reading: meter.Reading, seconds: float) -> None:
        """Keep a cell, or go where a command in it has moved the run."""
        run = self.recorder.run
        chosen = self._session.run
        if chosen is not None and chosen is not run and notebook_of(chosen):
            self.recorder = self.recorder.of(chosen)
        if _place(self.recorder.run) != self._place:
            self.go()
            return
        source = result.info.raw_cell
        if only_commands(source) and not self.recorder.has_changed():
            return
        step = (run.timeline.next_step() or 0) + 1
        if len(run.timeline.labels) <= step:  # one more: the next cell
            grow_cells(run, step + 1)
        record = self._record(result, step, reading, seconds)
        self.recorder.keep(record, self._mentioned.by(source), last=True)
        self._place = _place(run)

    def go(self) -> None:
        """Make the notebook's variables those of the run, and say what cannot be."""
        left = self.recorder.rewind()
        self._place = _place(self.recorder.run)
        if left:
            say(f"left as they are, because they cannot be kept: {', '.join(left)}")

    def _after(self, result: Any) -> None:
        super()._after(result)
        if self.trouble is not None:
            say(f"recording has ended: {self.trouble}")
            active.remove(self)
            self.stop()


def _place(run: Run) -> tuple[str, int, int]:
    lines = run.head.lines
    return run.id, lines.number, lines.position


def only_commands(source: str) -> bool:
    r"""Return whether a cell is nothing but commands of ours, which are no steps.

    Examples
    --------
    >>> only_commands("%pforge back\n%pforge vars"), only_commands("x = 1\n%pforge vars")
    (True, False)
    """
    return all("%pforge" in line for line in source.splitlines() if line.strip())


def record(shell: InteractiveShell, session: Session, *, on: bool) -> Run | None:
    """Begin to record a live notebook, or end it; return the run.

    The current run of the session is gone on with when it is one of a notebook, as after ``attach``:
    the notebook gets the variables that it lacks, and where its own differ that is recorded as an
    edit. Else a run is started, whose position 0 is the notebook as it is.

    Raises
    ------
    UsageError
        There is nothing to end.
    """
    if not on:
        return _end(session)
    if active:
        say(f"this notebook is being recorded already, as run {active[-1].recorder.run.id}")
        return active[-1].recorder.run
    run = session.run
    goes_on = run is not None and bool(notebook_of(run)) and run.state.mode == "w"
    if run is None or not goes_on:
        path = notebook_path()
        facts = {"input": "" if path is None else str(path), "since": datetime.now(UTC).isoformat()}
        run = start_cells(default_name(), [Cell("")], state=session.place_of_new_runs(), notebook=facts)
    recording = LiveRecording(shell, session, run)
    if goes_on:
        changes = changes_at(run.timeline, run.position)
        recording.recorder.join()
        if changes is not None:
            say(f"as the cells of the run had left it: {changes}")
    else:
        recording.recorder.seed()
    session.run = run
    recording.start()
    active.append(recording)
    return run


def _end(session: Session) -> Run | None:
    if not stop_recording():
        raise UsageError("this notebook is not being recorded; begin with: %pforge record on")
    return session.run


def stop_recording() -> bool:
    """End the recording of this notebook; return whether it was being recorded."""
    mine = [recording for recording in active if isinstance(recording, LiveRecording)]
    for recording in mine:
        active.remove(recording)
        recording.stop()
    return bool(mine)


def say(message: str) -> None:
    """Tell the user something, below the cell."""
    print(f"pforge: {message}", file=sys.stderr)  # noqa: T201 - told to the user
