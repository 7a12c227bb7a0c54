"""Runs, records, variables and values as HTML: data in, one self-contained fragment out.

A fragment carries its own scoped style, no script, no id and no request; without its style it is
still tables and words. Names, logs and values are escaped. `text` tells the same facts.

Examples
--------
>>> preview_html("<b>", "tag").count("&lt;b&gt;")
1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.views.comparison import comparison_blocks
from pforge_lab.views.frames import diff_blocks
from pforge_lab.views.html_blocks import render
from pforge_lab.views.preview import preview_blocks
from pforge_lab.views.record import record_blocks
from pforge_lab.views.runs import run_blocks, runs_blocks
from pforge_lab.views.variables import variable_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pforge_lab.runs.compare import Comparison
    from pforge_lab.runs.glances import RunSummary, RunView, VariableRow
    from pforge_lab.runs.records import StepRecord


def run_html(view: RunView) -> str:
    """Return one run at a glance: headline, steps and their cost, failed attempt, variables.

    Costs about a millisecond for 20 steps. Of more than 60 steps the first, the last and those around
    the position are shown, and what is left out is counted; of more than 40 variables, those that the
    last step changed come first.
    """
    return render(run_blocks(view))


def runs_html(summaries: Sequence[RunSummary], sizes: Mapping[tuple[str, str], int] | None = None) -> str:
    """Return the list of runs, newest first; at most 100, older ones are counted.

    ``sizes`` are the bytes that runs take in their stores, by place and id.
    """
    return render(runs_blocks(summaries, sizes))


def record_html(record: StepRecord) -> str:
    """Return one step in full: status, time, memory, changes, error and traceback, parts, logs.

    Of more than 200 lines of log or traceback, the first 50 and the last 150 are shown.
    """
    return render(record_blocks(record))


def variables_html(rows: Sequence[VariableRow], *, title: str = "Variables") -> str:
    """Return the variables at one position; of more than 200, unchanged ones are left out first."""
    return render([variable_table(rows, title=title)])


def preview_html(value: object, name: str) -> str:
    """Return one variable to look at, bounded in size and in work whatever its value.

    Frames show their head and dtypes, arrays a corner and figures of at most 100,000 elements, nested
    values a tree, text and bytes their beginning, anything else its bounded ``repr``. Never raises: what
    a class raises is shown in its place. Costs milliseconds, but for a slow ``repr`` of a user's class.
    """
    return render(preview_blocks(value, name))


def diff_html(frame: pd.DataFrame) -> str:
    """Return a diff: a frame with columns ``variable``, ``change``, ``before``, ``after``."""
    return render(diff_blocks(frame))


def comparison_html(comparison: Comparison) -> str:
    """Return two runs side by side: parameters that differ, steps with times and peaks, variables that differ."""
    return render(comparison_blocks(comparison))
