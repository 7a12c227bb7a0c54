"""Runs, records, variables and values as HTML: data in, one self-contained fragment out.

A fragment carries its own scoped style, no script, no id and no request; without its style it is
still tables and words. Names, logs and values are escaped. `text` tells the same facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.views.frames import diff_blocks, memory_blocks
from pforge_lab.views.html_blocks import render
from pforge_lab.views.preview import preview_blocks
from pforge_lab.views.record import record_blocks
from pforge_lab.views.runs import run_blocks, runs_blocks
from pforge_lab.views.variables import variable_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pforge_lab.runs.records import RunSummary, RunView, StepRecord, VariableRow


def run_html(view: RunView) -> str:
    """Return one run at a glance: headline, steps, cost, failed attempt, variables."""
    return render(run_blocks(view))


def runs_html(summaries: Sequence[RunSummary]) -> str:
    """Return a list of runs, newest first."""
    return render(runs_blocks(summaries))


def record_html(record: StepRecord) -> str:
    """Return one step in full: status, time, memory, changes, logs, error, parts."""
    return render(record_blocks(record))


def variables_html(rows: Sequence[VariableRow], *, title: str = "Variables") -> str:
    """Return the variables at one position."""
    return render([variable_table(rows, title=title)])


def preview_html(value: object, name: str) -> str:
    """Return one variable, bounded in size and work whatever its value."""
    return render(preview_blocks(value, name))


def diff_html(frame: pd.DataFrame) -> str:
    """Return a diff with columns ``variable``, ``change``, ``before``, ``after``."""
    return render(diff_blocks(frame))


def memory_html(frame: pd.DataFrame) -> str:
    """Return memory per step, from a frame as ``run.memory`` returns it."""
    return render(memory_blocks(frame))
