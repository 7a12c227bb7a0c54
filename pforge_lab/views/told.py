"""What the report in a notebook tells of its run, as JSON: the kernel that holds the run hands it to the parent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.cell import description
from pforge_lab.runs.cells import keeps_variables
from pforge_lab.views.html import run_html
from pforge_lab.views.overview import overview
from pforge_lab.views.text import run_text

if TYPE_CHECKING:
    from pforge_lab.runs.records import RunStatus
    from pforge_lab.runs.run import Run


def facts_of(run: Run, executed: int = 0, error: str | None = None) -> dict[str, Any]:
    """Return what a report tells of a run, loading none of its variables.

    Parameters
    ----------
    executed
        How many steps were executed, some of which may not be recorded: the run was broken off there.
    error
        What ended the execution after that.

    Returns
    -------
    dict
        ``run state status position error exclude resumable``; ``cells``, by number what their records know;
        ``text`` and ``html``, the run's table; ``memory`` and ``sizes``, columns of the memory chart with
        sizes as they were recorded.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def double(x: int): return 2 * x
    >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
    >>> output = run.finish()
    >>> facts = facts_of(run)
    >>> facts["status"], facts["cells"][0][0], facts["memory"]["label"], facts["sizes"]["variable"]
    ('done', 1, ['double'], ['x', 'double'])
    """
    records = run.history
    view = overview(run)
    if executed > sum(record.step is not None for record in records) or view.summary.status == "running":
        status: RunStatus = "interrupted" if error is None else "failed"
        plan = tuple(replace(step, executed=step.step <= executed) for step in view.plan)
        summary = replace(view.summary, status=status, error=error or view.summary.error)
        view = replace(view, plan=plan, summary=summary, attempt=None)
    measured = [(record, record.memory) for record in records if record.memory is not None]
    sizes = [(record.index, name, size) for record in records for name, size in record.sizes.items()]
    done = [record.step for record in records if record.step is not None]
    return {
        "run": run.id,
        "state": run.state.url,
        "status": view.summary.status,
        "position": run.position,
        "error": view.summary.error,
        "exclude": list(run.head.exclude),
        "resumable": done[-1] if done and keeps_variables(run) else None,
        "cells": [
            (record.step, description(record))
            for record in [*records, *filter(None, [run.attempt])]
            if record.step is not None
        ],
        "text": run_text(view),
        "html": run_html(view),
        "memory": {
            "index": [record.index for record, _ in measured],
            "label": [record.label for record, _ in measured],
            "before": [reading.before for _, reading in measured],
            "peak": [reading.peak for _, reading in measured],
            "after": [reading.after for _, reading in measured],
            "exact": [reading.exact for _, reading in measured],
        },
        "sizes": {
            "index": [index for index, _, _ in sizes],
            "variable": [name for _, name, _ in sizes],
            "bytes": [size.bytes for _, _, size in sizes],
            "approx": [size.approx for _, _, size in sizes],
        },
    }
