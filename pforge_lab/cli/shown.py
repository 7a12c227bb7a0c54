"""What a shell shows of the objects that commands return."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.run import Run
from pforge_lab.runs.variables import Variables
from pforge_lab.views import text
from pforge_lab.views.format import duration, size
from pforge_lab.views.overview import overview

if TYPE_CHECKING:
    from pforge_lab.cli.session import Session


def print_record(record: StepRecord) -> None:
    """Print one line for a record while a command goes on."""
    glyphs = {"done": "✓", "failed": "✗", "skipped": "⊘", "edited": "✎"}
    words = [record.label or record.status, duration(record.seconds)]
    words += [f"peak {size(record.memory.peak)}"] if record.memory else []
    words += [record.status] if record.status != "done" else []
    words += [record.error] if record.error else []
    start = f"{glyphs[record.status]} " if _form()["unicode"] else ""
    click.echo(start + f"{record.index:>3}  " + "  ".join(words))


def print_result(result: Any, session: Session) -> None:
    """Print what a command returned."""
    if result is None:
        return
    click.echo(as_text(result, session))


def as_text(result: Any, session: Session) -> str:
    """Return an object as text, as wide as the terminal."""
    form = _form()
    if isinstance(result, Run):
        return text.run_text(overview(result), **form)
    if isinstance(result, StepRecord):
        return text.record_text(result, **form)
    if isinstance(result, Variables) and session.run is not None:
        return text.variables_text(result.rows(), title=result.title, **form)
    if isinstance(result, pd.DataFrame) and "change" in result.columns:
        return text.diff_text(result, **form)
    if isinstance(result, pd.DataFrame) and "peak" in result.columns and "before" in result.columns:
        return text.memory_text(result, **form)
    return text.preview_text(result, "", **form)


def _form() -> dict[str, Any]:
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    return {
        "width": shutil.get_terminal_size((120, 40)).columns if sys.stdout.isatty() else None,
        "unicode": encoding.startswith("utf"),
    }
