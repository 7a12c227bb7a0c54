"""Which runs there are: of one store, or of all that are beside the notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.errors import StateError
from pforge_lab.runs import places
from pforge_lab.runs.glances import RunSummary
from pforge_lab.runs.head import Head, heads
from pforge_lab.runs.pages import Pages
from pforge_lab.runs.stores import looking, url_of

if TYPE_CHECKING:
    from datetime import datetime

    from pforge_lab.runs.readable import Readable
    from pforge_lab.runs.runs_frame import RunsFrame
    from pforge_lab.runs.stores import Place
    from pforge_lab.state import StateManager


def runs(state: Place | None = None) -> RunsFrame:
    """Return all runs, newest first: one row each, ``seconds`` spent in steps, ``peak`` in bytes.

    In a notebook ``pf.runs().ui()`` is a browser of them. Reads one small value for each run.

    Parameters
    ----------
    state
        Where to look; by default into all files of ``.pforge/``, those of live processes read-only.

    Raises
    ------
    StateError
        ``state`` cannot be opened, or there is nothing there. Of the files of ``.pforge/`` one that
        cannot be read is left out, which is told on stderr.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> run = pf.Pipeline.from_functions("p", one).start(state="memory:listing")
    >>> output = run.finish()
    >>> pf.runs("memory:listing")[["pipeline", "status", "steps_done"]].values.tolist()
    [['p', 'done', 1]]
    """
    from pforge_lab.runs.runs_frame import runs_frame  # noqa: PLC0415 - loads pandas

    return runs_frame(summaries(state), None if state is None else url_of(state))


def summaries(state: Place | None = None, *, since: datetime | None = None) -> list[RunSummary]:
    """Return all runs as summaries, newest first, or those begun ``since``. Parameters as `runs`."""
    rows: list[RunSummary] = []
    for place in places.stores() if state is None else [state]:
        try:
            with looking(place) as store:
                rows += [_summary(name, head, store.url) for name, head in heads(store).items()]
        except StateError as error:
            if state is not None:
                raise
            places.say(f"the runs of one file are left out: {error}")
    begun = rows if since is None else [row for row in rows if row.created >= since]
    return sorted(begun, key=lambda row: row.created, reverse=True)


def summary(store: StateManager, id: str) -> RunSummary:  # noqa: A002 - as in open_run
    """Return the summary of one run of a store by its whole id."""
    return _summary(id, Pages(store, id).read_head(), store.url)


def summary_of(run: Readable) -> RunSummary:
    """Return the summary of an open run."""
    return _summary(run.id, run.head, run.state.url)


def _summary(name: str, head: Head, place: str) -> RunSummary:
    return RunSummary(
        id=name,
        pipeline=head.pipeline,
        status=head.seen_status(),
        position=head.lines.position,
        steps_done=head.steps_done,
        steps_total=head.steps_total,
        created=head.created,
        updated=head.updated,
        seconds=head.seconds,
        peak=head.peak,
        place=place,
        params=head.params,
        error=head.error,
    )
