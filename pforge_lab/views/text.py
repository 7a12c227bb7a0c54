"""Runs, records, variables and values as text: data in, aligned lines out, the facts of `html`.

Every function takes ``width``, the columns of the terminal (None shortens nothing), and ``unicode``:
False gives ASCII only, for a stdout that cannot encode more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.views.frames import diff_blocks, memory_blocks
from pforge_lab.views.preview import preview_blocks
from pforge_lab.views.record import record_blocks
from pforge_lab.views.runs import run_blocks, runs_blocks
from pforge_lab.views.text_blocks import render
from pforge_lab.views.variables import variable_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pforge_lab.runs.records import RunSummary, RunView, StepRecord, VariableRow


def run_text(view: RunView, *, width: int | None = None, unicode: bool = True) -> str:
    """Return one run at a glance: headline, steps, cost, failed attempt, variables."""
    return render(run_blocks(view), width=width, unicode=unicode)


def runs_text(summaries: Sequence[RunSummary], *, width: int | None = None, unicode: bool = True) -> str:
    """Return a list of runs, newest first."""
    return render(runs_blocks(summaries), width=width, unicode=unicode)


def record_text(record: StepRecord, *, width: int | None = None, unicode: bool = True) -> str:
    """Return one step in full: status, time, memory, changes, logs, error, parts."""
    return render(record_blocks(record), width=width, unicode=unicode)


def variables_text(
    rows: Sequence[VariableRow], *, title: str = "Variables", width: int | None = None, unicode: bool = True
) -> str:
    """Return the variables at one position."""
    return render([variable_table(rows, title=title)], width=width, unicode=unicode)


def preview_text(value: object, name: str, *, width: int | None = None, unicode: bool = True) -> str:
    """Return one variable, bounded in size and work whatever its value."""
    return render(preview_blocks(value, name), width=width, unicode=unicode)


def diff_text(frame: pd.DataFrame, *, width: int | None = None, unicode: bool = True) -> str:
    """Return a diff with columns ``variable``, ``change``, ``before``, ``after``."""
    return render(diff_blocks(frame), width=width, unicode=unicode)


def memory_text(frame: pd.DataFrame, *, width: int | None = None, unicode: bool = True) -> str:
    """Return memory per step, from a frame as ``run.memory`` returns it."""
    return render(memory_blocks(frame), width=width, unicode=unicode)
