"""While a command moves a run: which step is under way, for how long, and what memory the process holds."""

from __future__ import annotations

import contextvars
import sys
import threading
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import click
import psutil

from pforge_lab.values.format import count, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.runs.run import Run
    from pforge_lab.runs.watching import Event

DELAY = 0.5  # seconds of silence: what is done by then needs no progress
EVERY = 0.5  # seconds between two looks


class Shown(Protocol):
    """Where progress is shown: one line that is replaced."""

    def show(self, line: str) -> None:
        """Show a line in place of the one before. Called from a thread of its own."""

    def hide(self) -> None:
        """Make room for something else that is shown."""

    def end(self, line: str) -> None:
        """Leave what is to stay, if anything was shown before."""


class Progress:
    """Follows a run in a thread of its own, so that a step of minutes is seen to go on.

    Parameters
    ----------
    place
        Where it is shown.
    delay, every
        Seconds before the first line, and between two.
    """

    def __init__(self, place: Shown, *, delay: float = DELAY, every: float = EVERY) -> None:
        self._place = place
        self._delay, self._every = delay, every
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, run: Run) -> Iterator[None]:
        """Follow a run as long as the context lasts."""
        self._run, self._begun = run, perf_counter()
        self._label: str | None = None
        self._kept = 0
        over = threading.Event()
        within = contextvars.copy_context()  # a notebook's output belongs to the cell that is executing
        thread = threading.Thread(target=within.run, args=(self._follow, over), daemon=True)
        stop_watching = run.watch(self._heard)
        thread.start()
        try:
            yield
        finally:
            stop_watching()
            over.set()
            thread.join()
            self._place.end(self._summary())

    def _heard(self, event: Event) -> None:
        with self._lock:
            if event.kind == "started":
                self._label, self._since = event.label, perf_counter()
            elif event.kind == "kept":
                self._kept += 1
                self._label = None
                self._place.hide()

    def _follow(self, over: threading.Event) -> None:
        wait = self._delay
        while not over.wait(wait):
            wait = self._every
            with self._lock:
                if not over.is_set():
                    self._place.show(self._line())

    def _line(self) -> str:
        head = self._run.head
        step = f"step {min(head.steps_done + 1, head.steps_total):,} of {head.steps_total:,}"
        under_way = [self._label, duration(perf_counter() - self._since)] if self._label else []
        whole = [f"{duration(perf_counter() - self._begun)} in all"] if self._kept else []
        held = size(psutil.Process().memory_info().rss)
        return "▶ " + "  ".join([step, *under_way, *whole, held])

    def _summary(self) -> str:
        peak = max((record.memory.peak for record in self._run.history if record.memory), default=None)
        facts = [f"{count(self._kept, 'step')} in {duration(perf_counter() - self._begun)}"]
        facts += [f"peak {size(peak)}"] if peak is not None else []
        return f"{self._run.status}: {', '.join(facts)}"


class Terminal:
    """The last line of a terminal; nothing of it stays."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, line: str) -> None:
        """Write over the line."""
        self._shown = True
        click.echo(f"\r{line}\x1b[K", nl=False, err=True)

    def hide(self) -> None:
        """Empty the line."""
        if self._shown:
            self._shown = False
            click.echo("\r\x1b[K", nl=False, err=True)

    def end(self, line: str) -> None:  # noqa: ARG002 - the records that were printed say it
        """Empty the line."""
        self.hide()


def of_terminal() -> Progress | None:
    """Return progress for a terminal, or None where the output goes elsewhere."""
    return Progress(Terminal()) if sys.stderr.isatty() else None
