"""A list of runs as a DataFrame that shows itself as the table of runs."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from pforge_lab.runs.glances import RunSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pforge_lab.widgets.run_browser import RunBrowser

COLUMNS = [field.name for field in fields(RunSummary)]


class RunsFrame(pd.DataFrame):
    """Runs, one row each, with the fields of `RunSummary` as columns.

    Rows may be selected; anything that changes the columns gives a plain DataFrame's table.

    Attributes
    ----------
    origin
        URL of the store they were read from; None for all files of ``.pforge/``.
    """

    _metadata: ClassVar[list[str]] = ["origin"]
    origin: str | None = None

    @property
    def _constructor(self) -> type[RunsFrame]:
        return RunsFrame

    def summaries(self) -> list[RunSummary]:
        """Return the rows as summaries."""
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in self[COLUMNS].itertuples(index=False)]
        known = [row | {name: None for name in ("peak", "error") if pd.isna(row[name])} for row in rows]
        return [RunSummary(**row) for row in known]

    def ui(self) -> RunBrowser:
        """Return a browser of the runs, for a notebook: search, open, resume, fork, delete, compare.

        It shows what is in the store when it is looked at: all runs, whatever rows were selected.
        """
        from pforge_lab.widgets.run_browser import RunBrowser  # noqa: PLC0415 - a view, and ipywidgets is slow to import

        return RunBrowser(self.origin)

    def _repr_html_(self) -> str | None:
        if list(self.columns) != COLUMNS:
            return pd.DataFrame(self).to_html(max_rows=60, max_cols=20)
        from pforge_lab.views.html import runs_html  # noqa: PLC0415 - a view

        return runs_html(self.summaries())

    def __repr__(self) -> str:
        """Return the table of runs as text."""
        if list(self.columns) != COLUMNS:
            return super().__repr__()
        from pforge_lab.views.text import runs_text  # noqa: PLC0415 - a view

        return runs_text(self.summaries())


def runs_frame(summaries: Iterable[RunSummary], origin: str | None = None) -> RunsFrame:
    """Return summaries as a frame; ``peak`` is in bytes, ``seconds`` the time spent in steps.

    ``origin`` is the URL of the store they are from, None for all files of ``.pforge/``.
    """
    rows: list[list[Any]] = [[getattr(summary, name) for name in COLUMNS] for summary in summaries]
    frame = RunsFrame(rows, columns=COLUMNS, dtype=object)  # else pandas makes of None among errors a number
    text = dict.fromkeys(("id", "pipeline", "status", "place"), "str")
    whole = dict.fromkeys(("position", "steps_done", "steps_total"), "int64")
    times = dict.fromkeys(("created", "updated"), "datetime64[us, UTC]")
    typed = frame.astype({**text, **whole, **times, "seconds": "float64", "peak": "Int64"})
    typed.origin = origin
    return typed
