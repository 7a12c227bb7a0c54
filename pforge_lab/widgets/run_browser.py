"""The run browser: all runs of a store to search, open, resume, fork, compare and delete in a notebook."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets
from ipywidgets import Widget, widget_serialization

from pforge_lab.errors import RunNotFound
from pforge_lab.runs import api
from pforge_lab.runs.footprint import stored_bytes
from pforge_lab.runs.housekeeping import delete_run
from pforge_lab.runs.runs_frame import RunsFrame
from pforge_lab.state import StateManager
from pforge_lab.values.format import NONE, count, duration, moment, place, shorten, size
from pforge_lab.views.html import run_html, runs_html
from pforge_lab.views.overview import overview
from pforge_lab.views.runs import MOST_RUNS, found
from pforge_lab.views.text import runs_text
from pforge_lab.widgets.browsing import Browser, place_of, window
from pforge_lab.widgets.comparison import RunComparison
from pforge_lab.widgets.static import script
from pforge_lab.widgets.staying import in_lab, page
from pforge_lab.widgets.stepper import Stepper

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pforge_lab.runs.glances import RunSummary
    from pforge_lab.runs.run import Run
    from pforge_lab.runs.stores import Place

_PAUSE = 0.5  # seconds between two looks at the list while a run is advanced
_MEASURED = 0.5  # seconds that go into what runs take, where a list is to stay without a kernel


class RunBrowser(Browser):
    """All runs of a store: search, status, progress, size; open in a stepper, resume, fork, compare, delete.

    Parameters
    ----------
    place
        A store, its URL, or None for all files of ``.pforge/``.
    status, since
        Show only runs of this status at first (``unfinished``: failed or interrupted), and only those that
        were begun since.
    opened, deleted
        Told which run was opened, and the id of one that was deleted.

    Notes
    -----
    Looking opens stores for reading only. What is opened, resumed or forked is open in this process from
    then on, as after `pforge_lab.open_run`; steps execute in a thread of the stepper.
    """

    _esm = script("runs.js")
    place = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    moved = traitlets.Int().tag(sync=True)
    stage = traitlets.Instance(Widget, allow_none=True).tag(sync=True, **widget_serialization)

    def __init__(
        self,
        place_: Place | None = None,
        *,
        status: str = "",
        since: datetime | None = None,
        opened: Callable[[Run], object] = lambda _: None,
        deleted: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._place = place_
        self._since = since
        self._opened, self._deleted = opened, deleted
        self._sizes: dict[tuple[str, str, datetime], int] = {}
        self._rows: dict[str, RunSummary] = {}
        self._drawn = 0.0
        where = "all files of .pforge/" if place_ is None else shorten(place(api.url_of(place_)), 120)
        super().__init__(place=where, status=status)

    def close(self) -> None:
        """End the browser and what is open in it; runs stay as they are."""
        self._show(None)
        super().close()

    # -- what the browser asks for -------------------------------------------------------------

    def page(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return rows ``start`` to ``start + count`` of the runs that match, and how many there are of each status."""
        known = self._summaries()
        self._rows = {_key(row): row for row in known}
        matching = found(known, asked["containing"], asked["status"])
        start, asked_for = window(matching, asked)
        statuses = dict(Counter(row.status for row in known))
        return {
            "total": len(matching),
            "start": start,
            "rows": [_shown(row, self._known_size(row)) for row in asked_for],
            "statuses": statuses,
            "at": place_of(asked, [_key(row) for row in matching]),
        }

    def sizes(self, asked: dict[str, Any]) -> dict[str, str]:
        """Return what runs take in their stores, by key."""
        rows = [self._rows[key] for key in asked["keys"][:100] if key in self._rows]
        return {_key(row): size(self._size(row)) for row in rows}

    def look(self, asked: dict[str, Any]) -> str:
        """Return a run at a glance, as HTML; its store is read, and nothing of it executed."""
        row = self._row(asked["key"])
        with api.looking(self._store(row)) as store:
            return run_html(overview(api.load(store, row.id)))

    def step_through(self, asked: dict[str, Any]) -> str:
        """Show a run in a stepper."""
        run = self._open(asked["key"])
        self._show(Stepper(run))
        return f"{run.id} is open below."

    def resume(self, asked: dict[str, Any]) -> str:
        """Execute the steps that are left, in a stepper that can stop them."""
        run = self._open(asked["key"])
        if run.next_label is None:
            self._show(Stepper(run))
            return f"{run.id} has no step left; back or fork goes on from an earlier one."
        stepper = Stepper(run)
        self._show(stepper)
        stepper.act("finish")
        return f"{run.id} goes on from {run.next_label}; Stop ends it."

    def fork(self, asked: dict[str, Any]) -> dict[str, str]:
        """Make a run that goes its own way from where this one stands, and show it in a stepper."""
        old = self._open(asked["key"])
        new = old.fork()
        self._opened(new)
        self._show(Stepper(new))
        told = f"{new.id} is a fork of {old.id} at position {new.position}."
        return {"told": told, "key": _key(api.summary_of(new))}

    def compare(self, asked: dict[str, Any]) -> str:
        """Show two runs side by side."""
        a, b = (api.open_run(row.id, state=self._store(row)) for row in map(self._row, asked["keys"]))
        self._show(RunComparison(a, b))
        return f"{a.id} and {b.id} are compared below."

    def delete(self, asked: dict[str, Any]) -> str:
        """Delete a run with all its lines, and the snapshots that no other run needs."""
        row = self._row(asked["key"])
        collected = delete_run(row.id, state=self._store(row))
        stage = self.stage
        if isinstance(stage, Stepper) and stage.run.id == row.id:
            self._show(None)
        self._deleted(row.id)
        return f"Deleted {row.id}: {collected}."

    def leave(self, _: dict[str, Any]) -> str:
        """Close what is open below the list."""
        self._show(None)
        return ""

    answers: ClassVar = {
        "page": page, "sizes": sizes, "look": look, "open": step_through, "resume": resume, "fork": fork,
        "compare": compare, "delete": delete, "leave": leave,
    }  # fmt: skip

    # -- runs ----------------------------------------------------------------------------------

    def _summaries(self) -> list[RunSummary]:
        return api.summaries(self._place, since=self._since)

    def _row(self, key: str) -> RunSummary:
        if key not in self._rows:
            raise RunNotFound("this run is not there any more; refresh the list")
        return self._rows[key]

    def _store(self, row: RunSummary) -> Place:
        return self._place if isinstance(self._place, StateManager) else row.place

    def _open(self, key: str) -> Run:
        row = self._row(key)
        run = api.open_run(row.id, state=self._store(row))
        self._opened(run)
        return run

    def _known_size(self, row: RunSummary) -> str:
        known = self._sizes.get((row.place, row.id, row.updated))
        return "" if known is None else size(known)

    def _size(self, row: RunSummary) -> int:
        """Return what a run takes in its store; it is measured once for as long as the run stays as it is."""
        key = (row.place, row.id, row.updated)
        if key not in self._sizes:
            with api.looking(self._store(row)) as store:
                self._sizes[key] = stored_bytes(store, row.id)
        return self._sizes[key]

    # -- what is open below the list -----------------------------------------------------------

    def _show(self, widget: Stepper | RunComparison | None) -> None:
        before, self.stage = self.stage, widget
        if before is not None:
            before.unobserve_all()
            before.close()
        if isinstance(widget, Stepper):
            widget.observe(self._advanced, ["view", "busy"])

    def _advanced(self, change: Any) -> None:
        """Have the list drawn anew, now and then while the run goes on and once it stands."""
        if not change["owner"].busy or time.monotonic() - self._drawn >= _PAUSE:
            self._drawn = time.monotonic()
            self.moved += 1

    # -- what stays ----------------------------------------------------------------------------

    def forms(self) -> tuple[str, str]:
        """Return the table of runs, as HTML and as text, with sizes as far as there is time for them."""
        rows = found(self._summaries(), status=self.status)
        sizes, end = {}, time.monotonic() + _MEASURED
        for row in rows[:MOST_RUNS]:
            if time.monotonic() < end:
                sizes[row.place, row.id] = self._size(row)
        return runs_html(rows, sizes), runs_text(rows, sizes)


class BrowsedRuns(RunsFrame):
    """Runs as ``%pforge runs`` returns them: in a notebook they show as a browser, and rows selected as a table."""

    browser: Callable[[], RunBrowser] | None = None

    @classmethod
    def of(cls, frame: RunsFrame, browser: Callable[[], RunBrowser]) -> BrowsedRuns:
        """Return the same runs, to be shown by what ``browser`` makes."""
        shown = cls(frame)
        shown.origin, shown.browser = frame.origin, browser
        return shown

    def _ipython_display_(self) -> None:
        if self.browser is None or not in_lab():
            raise NotImplementedError  # IPython asks for `_repr_mimebundle_` then
        self.browser()._ipython_display_()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self.browser is None or not page():
            return {"text/html": self._repr_html_(), "text/plain": repr(self)}
        return self.browser()._repr_mimebundle_(**options)


def _key(row: RunSummary) -> str:
    return f"{row.id} {place(row.place)}"


def _shown(row: RunSummary, stored: str) -> dict[str, Any]:
    """Return a row as text, as the table of runs has it."""
    return {
        "key": _key(row),
        "id": shorten(row.id, 60),
        "pipeline": shorten(row.pipeline, 60),
        "status": row.status,
        "done": row.steps_done,
        "total": row.steps_total,
        "steps": f"{row.steps_done:,} of {count(row.steps_total, 'step')}",
        "time": duration(row.seconds),
        "peak": NONE if row.peak is None else size(row.peak),
        "stored": stored,
        "updated": moment(row.updated, seconds=False),
        "place": place(row.place),
    }
