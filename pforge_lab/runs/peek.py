"""A run as far as its names go: nothing of it is executed, and no variable loaded."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pforge_lab.runs.api import looking, summaries
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.runs.stores import Place


@contextmanager
def peek(beginning: str = "", state: Place | None = None) -> Iterator[Timeline | None]:
    """Have the timeline of the newest run whose id begins so, or None where there is none.

    Opening a run unpickles the functions of its notebook, which takes as long as what they import;
    this reads its records only. The store is open as long as the context lasts.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> run = pf.Pipeline.from_functions("p", one).start(state="memory:peeked")
    >>> with peek(state="memory:peeked") as timeline:
    ...     timeline.labels
    ('one',)
    """
    rows = summaries(state)
    chosen = next((row for row in rows if row.id == beginning), None)
    chosen = chosen or next((row for row in rows if row.id.startswith(beginning)), None)
    if chosen is None:
        yield None
        return
    with looking(chosen.place if state is None else state) as store:
        journal = Journal(store, chosen.id)
        steps = journal.definition()["pipeline"].get("steps", [])
        labels = dict.fromkeys(label for step in steps if (label := step.get("label") or step.get("tool")))
        yield Timeline(journal, tuple(labels))


def reached(timeline: Timeline) -> list[str]:
    """Return the labels of the current line, as ``goto`` and ``at`` take them: repeated ones with ``#2``.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> run = pf.Pipeline.from_functions("p", one).start(state="memory:")
    >>> record = run.step()
    >>> reached(run.timeline)
    ['one']
    """
    counts: dict[str, int] = {}
    found = []
    for record in timeline.records:
        counts[record.label] = count = counts.get(record.label, 0) + 1
        found.append(record.label if count == 1 else f"{record.label}#{count}")
    return found
