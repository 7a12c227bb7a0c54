"""The stepper: a run to click through in a notebook.

Buttons execute steps in one worker thread, what is looked at is read in another, so the view stays
live while a step runs. No logic lives here: `model` says what is shown, the run does what is asked.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import traitlets

from pforge_lab.errors import PforgeError
from pforge_lab.runs.api import open_run
from pforge_lab.values.format import shorten
from pforge_lab.views.html import run_html
from pforge_lab.views.overview import overview
from pforge_lab.views.text import run_text
from pforge_lab.widgets import model
from pforge_lab.widgets.static import script, style
from pforge_lab.widgets.staying import Staying

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.runs.run import Run
    from pforge_lab.runs.watching import Event

_PAUSE = 0.1  # seconds between two redraws while steps follow each other
_STOPPED = "Stopped; what was complete is kept. Step tries that step again."


class Stepper(Staying):
    """A run with buttons to step it, and its variables, cost and data flow beside them.

    Parameters
    ----------
    run
        What is shown. Moves by any other door show at once. A fork made here is shown in place of the run; one
        made by any other door is told, with a button that shows it.

    Notes
    -----
    Steps started here execute in a thread of the stepper, others where they were called. **Stop** ends
    commands, requests and coroutines at once and a Python function at its next bytecode; a C call ends first.
    """

    _esm = script("stepper.js")
    _css = traitlets.Unicode().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    busy = traitlets.Bool(default_value=False).tag(sync=True)
    notice = traitlets.Unicode().tag(sync=True)
    other = traitlets.Unicode().tag(sync=True)  # id of the run that the notice offers to show

    def __init__(self, run: Run) -> None:
        self.run = run
        self._moves = ThreadPoolExecutor(1, thread_name_prefix="pforge-lab-stepper")
        self._looks = ThreadPoolExecutor(1, thread_name_prefix="pforge-lab-stepper-looks")
        self._drawing = threading.RLock()
        self._drawn = 0.0
        self._later: threading.Timer | None = None
        self._closed = False
        self._under_way: str | None = None
        self._one_move = False
        self._stopping = ""
        self._mover: int | None = None  # the thread that executes what a button does
        super().__init__(view=model.view_of(run), _css=style())
        self._ignore = run.watch(self._moved)
        self.on_msg(self._received)

    def close(self) -> None:
        """Stop looking on; the run stays as it is."""
        self._ignore()
        with self._drawing:
            self._closed = True
            self._forget_later()
        self._moves.shutdown(wait=False, cancel_futures=True)
        self._looks.shutdown(wait=False, cancel_futures=True)
        super().close()

    def redraw(self) -> None:
        """Show the run as it is now."""
        with self._drawing:
            self._forget_later()
            self._drawn = time.monotonic()
            self.view = model.view_of(self.run, self._under_way)

    def _moved(self, event: Event) -> None:
        if event.kind == "forked":
            if threading.get_ident() != self._mover:
                self._tell(
                    f"{event.fork} was forked from this run at position {event.position}; "
                    f"this view stays on {self.run.id}.",
                    other=event.fork,
                )
            return
        if event.kind == "ended" and self._stopping and self.notice == self._stopping:
            self._tell(_STOPPED if self.run.status == "interrupted" else "")
        if self._one_move and event.kind != "started":
            return  # what a button did is drawn once it is through, when the next press is taken
        self._under_way = event.label if event.kind == "started" else None
        with self._drawing:
            left = self._drawn + _PAUSE - time.monotonic()
            if event.kind in ("ended", "moved") or left <= 0:
                self.redraw()
            elif self._later is None and not self._closed:
                self._later = threading.Timer(left, self._after_the_pause)
                self._later.daemon = True
                self._later.start()

    def _after_the_pause(self) -> None:
        with self._drawing:
            if threading.current_thread() is self._later:  # else another redraw was sooner
                self.redraw()

    def _forget_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def act(self, kind: str, message: dict[str, Any] | None = None) -> None:
        """Do what a button does, in the stepper's thread: ``reset back step finish``; while it is busy, nothing."""
        if not self.busy:
            self.busy = True
            self._one_move = kind != "finish"
            self._tell("")
            self._moves.submit(self._move, _MOVES[kind], message or {})

    # -- what the browser asks for -------------------------------------------------------------

    def _received(self, _: object, message: dict[str, Any], __: object) -> None:
        kind = str(message.get("do"))
        if kind == "stop":
            self._stop()
        elif kind in _MOVES:
            self.act(kind, message)
        elif (look := _LOOKS.get(str(message.get("look")))) is not None:
            self._looks.submit(self._look, look, message)

    def _tell(self, notice: str, *, other: str | None = None) -> None:
        with self.hold_sync():
            self.notice, self.other = notice, other or ""

    def _stop(self) -> None:
        """Stop what is under way, whoever executes it, and say when that is: before, for commands may take a while."""
        self._stopping = self._how_it_stops()
        self._tell(self._stopping)
        self.run.stop()
        if not self._is_running() and self.notice == self._stopping:
            self._tell("Nothing is running.")

    def _is_running(self) -> bool:
        return self.busy or self.run.status == "running"

    def _how_it_stops(self) -> str:
        what = shorten(self._under_way or "the run", 60)
        at_once = self.run.stops_at_once
        if at_once is not None:
            how = ": it ends at once." if at_once else " at its next bytecode; a C call finishes first."
            return f"Stopping {what}{how}"
        if self.busy:
            return f"Stopping once {what} is kept."
        return f"Stopping after {what}; ■ ends at once what a cell executes."

    def _move(self, move: Callable[[Stepper, dict[str, Any]], None], message: dict[str, Any]) -> None:
        self._mover = threading.get_ident()
        try:
            move(self, message)
        except KeyboardInterrupt:
            self._tell(_STOPPED)
        except PforgeError as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 - shown to whoever clicked
            self._tell(f"{type(error).__name__}: {error}")
        finally:
            self._under_way = None
            self._one_move = self.busy = False
            self.redraw()

    def _look(self, look: Callable[[Stepper, dict[str, Any]], Any], message: dict[str, Any]) -> None:
        answer = {"look": message["look"], "asked": message.get("asked")}
        try:
            self.send(answer | {"data": look(self, message)})
        except Exception as error:  # noqa: BLE001 - a value's class may raise anything; it is shown
            self.send(answer | {"error": f"{type(error).__name__}: {error}"})

    def _fork(self, message: dict[str, Any]) -> None:
        name, at = message["name"], message["at"]
        new = self.run.fork(at=at, set={name: model.edited(message["value"])})
        old = self._turn_to(new)
        self._tell(
            f"This is {new.id}, a fork of {old.id} from position {at} with another {name}; "
            f"other views and cells stay on {old.id}.",
            other=old.id,
        )

    def _show(self, message: dict[str, Any]) -> None:
        old = self._turn_to(open_run(message["run"], state=self.run.state))
        self._tell(f"This is {self.run.id}.", other=old.id)

    def _turn_to(self, run: Run) -> Run:
        """Show another run from now on; return the one that was shown."""
        old, self.run = self.run, run
        self._ignore()
        self._ignore = run.watch(self._moved)
        return old

    def _set(self, message: dict[str, Any]) -> None:
        self.run.set(**{message["name"]: model.edited(message["value"])})

    # -- what stays ----------------------------------------------------------------------------

    def forms(self) -> tuple[str, str]:
        """Return the run's tables, as HTML and as text."""
        seen = overview(self.run)
        return run_html(seen), run_text(seen)


_MOVES: dict[str, Callable[[Stepper, dict[str, Any]], Any]] = {
    "reset": lambda stepper, _: stepper.run.goto(0),
    "back": lambda stepper, _: stepper.run.back(),
    "step": lambda stepper, _: stepper.run.step(),
    "finish": lambda stepper, _: stepper.run.finish(),
    "goto": lambda stepper, message: stepper.run.goto(message["at"]),
    "fork": Stepper._fork,  # noqa: SLF001 - its own
    "set": Stepper._set,  # noqa: SLF001 - its own
    "show": Stepper._show,  # noqa: SLF001 - its own
}
_LOOKS: dict[str, Callable[[Stepper, dict[str, Any]], Any]] = {
    "steps": lambda stepper, asked: model.steps_at(
        stepper.run,
        asked["start"],
        asked["count"],
        under_way=stepper._under_way,  # noqa: SLF001 - its own
    ),
    "variables": lambda stepper, asked: model.variables_page(stepper.run, asked),
    "more": lambda stepper, asked: model.variables_page(stepper.run, asked),
    "preview": lambda stepper, asked: model.preview_at(stepper.run, asked["at"], asked["name"]),
    "diff": lambda stepper, asked: model.diff_at(stepper.run, asked["before"], asked["at"]),
    "record": lambda stepper, asked: model.record_at(stepper.run, asked["at"]),
    "memory": lambda stepper, _: model.chart_of(stepper.run),
    "flow": lambda stepper, _: model.graph_of(stepper.run),
}
