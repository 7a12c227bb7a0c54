"""A list of runs as a DataFrame that shows itself as the table of runs."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from pforge_lab.runs.records import RunSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = [field.name for field in fields(RunSummary)]


class RunsFrame(pd.DataFrame):
    """Runs, one row each, with the fields of `RunSummary` as columns.

    Rows may be selected; anything that changes the columns gives a plain DataFrame's table.
    """

    @property
    def _constructor(self) -> type[RunsFrame]:
        return RunsFrame

    def summaries(self) -> list[RunSummary]:
        """Return the rows as summaries."""
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in self[COLUMNS].itertuples(index=False)]
        return [RunSummary(**row | {"peak": None if pd.isna(row["peak"]) else row["peak"]}) for row in rows]

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


def runs_frame(summaries: Iterable[RunSummary]) -> RunsFrame:
    """Return summaries as a frame; ``peak`` is in bytes, ``seconds`` the time spent in steps."""
    rows: list[list[Any]] = [[getattr(summary, name) for name in COLUMNS] for summary in summaries]
    frame = RunsFrame(rows, columns=COLUMNS)
    return frame.astype({"error": object, "params": object}).astype({"peak": "Int64"})
