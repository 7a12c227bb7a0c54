"""What a shell shows of the objects that commands return."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import click
import pandas as pd

from pforge_lab.runs.compare import Comparison
from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.run import Run
from pforge_lab.runs.runs_frame import RunsFrame
from pforge_lab.runs.variables import Variables
from pforge_lab.values.format import duration, names, size
from pforge_lab.views import text
from pforge_lab.views.overview import overview
from pforge_lab.views.steps import GLYPHS
from pforge_lab.views.text_blocks import ascii_of

NOTHING_TO_DROP = "no dead variable raises the peak: there is nothing to drop"


def print_record(record: StepRecord) -> None:
    """Print one line for a record while a command goes on."""
    words = [record.label or record.status, duration(record.seconds)]
    words += [f"peak {size(record.memory.peak)}"] if record.memory else []
    words += [record.status] if record.status != "done" else []
    words += [record.error] if record.error else []
    words += [f"changed without naming it: {names(record.undeclared)}"] if record.undeclared else []
    line = f"{GLYPHS[record.status]} {record.index:>3}  {'  '.join(words)}"
    click.echo(line if _form()["unicode"] else ascii_of(line))


def print_result(result: Any) -> None:
    """Print what a command returned."""
    if result is None:
        return
    click.echo(as_text(result))


def as_text(result: Any) -> str:
    """Return an object as text, as wide as the terminal."""
    form = _form()
    if isinstance(result, pd.DataFrame):
        return _frame_text(result, form)
    if isinstance(result, Run):
        return text.run_text(overview(result), **form)
    if isinstance(result, StepRecord):
        return text.record_text(result, **form)
    if isinstance(result, Comparison):
        return text.comparison_text(result, **form)
    if isinstance(result, Variables):
        return text.variables_text(result.rows(), title=result.title, **form)
    return text.preview_text(result, "", **form).lstrip()  # there is no name to begin with


def _frame_text(frame: pd.DataFrame, form: dict[str, Any]) -> str:
    if isinstance(frame, RunsFrame):
        return text.runs_text(frame.summaries(), **form)
    if {"change", "variable"} <= set(frame.columns):
        return text.diff_text(frame, **form)
    if {"advice", "saves"} <= set(frame.columns):
        return "\n".join(frame["advice"]) or NOTHING_TO_DROP
    if {"before", "peak", "after"} <= set(frame.columns):
        return text.memory_text(frame, **form)
    return text.preview_text(frame, "", **form)


def _form() -> dict[str, Any]:
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    return {
        "width": shutil.get_terminal_size((120, 40)).columns if sys.stdout.isatty() else None,
        "unicode": encoding.startswith("utf"),
    }
