"""Two runs side by side in a notebook. What it shows is made by `views.comparison`."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from pforge_lab.runs.compare import Comparison, compare_runs
from pforge_lab.values.format import NONE, shorten
from pforge_lab.views.comparison import NO_VARIABLE, heading_blocks, params_blocks, step_pair
from pforge_lab.views.html import comparison_html, preview_html, record_html
from pforge_lab.views.html_blocks import render
from pforge_lab.views.text import comparison_text
from pforge_lab.widgets.browsing import Browser
from pforge_lab.widgets.model import chart_of
from pforge_lab.widgets.static import script
from pforge_lab.widgets.staying import in_lab, page

if TYPE_CHECKING:
    import pandas as pd

    from pforge_lab.runs.run import Run

MOST_STEPS = 2000
MOST_VARIABLES = 500


class RunComparison(Browser):
    """Two runs side by side: steps with times and peaks, parameters, variables that differ, memory.

    A chosen step shows the records of both, a chosen variable both values.

    Parameters
    ----------
    a, b
        The runs, compared where they stand.
    """

    _esm = script("comparison.js")
    view = traitlets.Dict().tag(sync=True)
    busy = False  # nothing is executed

    def __init__(self, a: Run, b: Run) -> None:
        self.comparison = compare_runs(a, b)
        self.runs = (a, b)
        self._records = [list(run.history) for run in self.runs]
        self._moments = [run.at(run.position) for run in self.runs]
        super().__init__(view=view_of(self.comparison))

    def record(self, asked: dict[str, Any]) -> list[str]:
        """Return the records of a step in both runs, as HTML; empty where a run did not take it."""
        return [
            "" if at is None else record_html(records[at])
            for at, records in zip(asked["at"], self._records, strict=True)
        ]

    def preview(self, asked: dict[str, Any]) -> list[str]:
        """Return a variable of both runs, as HTML; empty where a run has none of that name."""
        name = asked["name"]
        return [
            preview_html(moment.variables[name], name) if name in moment.variables else ""
            for moment in self._moments
        ]

    def memory(self, _: dict[str, Any]) -> list[str]:
        """Return the memory charts of both runs, their axes going up to the same height."""
        peaks = [
            reading.peak for records in self._records for record in records if (reading := record.memory)
        ]
        return [chart_of(run, max(peaks, default=None)) for run in self.runs]

    answers: ClassVar = {"record": record, "preview": preview, "memory": memory}

    def forms(self) -> tuple[str, str]:
        """Return both runs side by side, as HTML and as text."""
        return comparison_html(self.comparison), comparison_text(self.comparison)


class BrowsedComparison(Comparison):
    """A comparison as ``%pforge compare`` returns it: in a notebook it shows as a widget."""

    __slots__ = ()

    @classmethod
    def of(cls, comparison: Comparison) -> BrowsedComparison:
        """Return the same comparison, to be shown."""
        return cls(**{field.name: getattr(comparison, field.name) for field in fields(comparison)})

    def _ipython_display_(self) -> None:
        if not in_lab():
            raise NotImplementedError  # IPython asks for `_repr_mimebundle_` then
        self.ui()._ipython_display_()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if page():
            return self.ui()._repr_mimebundle_(**options)
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}


def view_of(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain JSON: ``runs`` and ``params`` as HTML, ``steps`` and ``variables`` as rows."""
    steps, variables = comparison.steps, comparison.variables
    return {
        "runs": render(heading_blocks(comparison)),
        "params": render(params_blocks(comparison)),
        "steps": _steps(steps.head(MOST_STEPS).to_dict("records")),
        "steps_left_out": max(0, len(steps) - MOST_STEPS),
        "variables": _variables(variables.head(MOST_VARIABLES)),
        "variables_left_out": max(0, len(variables) - MOST_VARIABLES),
        "no_variable": NO_VARIABLE,
    }


def _steps(rows: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    """Return steps in words, with the place of each in the records of both runs, and what bars are drawn from."""
    shares = {kind: _shares(rows, kind) for kind in ("seconds", "peak")}
    taken = [0, 0]
    shown = []
    for place, row in enumerate(rows):
        at: list[int | None] = [None, None]
        for side, name in enumerate(("status_a", "status_b")):
            if row[name] is not None:
                at[side], taken[side] = taken[side], taken[side] + 1
        bars = {kind: pairs[place] for kind, pairs in shares.items()}
        differs = row["status_a"] != row["status_b"] or bool(row["code"])
        shown.append(asdict(step_pair(row)) | {"at": at, "bars": bars, "differs": differs})
    return shown


def _shares(rows: list[dict[Any, Any]], kind: str) -> list[tuple[float, float]]:
    """Return a column of both runs as shares of the highest value in either; what is not known is 0."""
    pairs = [(_number(row[f"{kind}_a"]), _number(row[f"{kind}_b"])) for row in rows]
    highest = max((value for pair in pairs for value in pair), default=0.0) or 1.0
    return [(round(a / highest, 3), round(b / highest, 3)) for a, b in pairs]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value == value else 0.0  # noqa: PLR0124 - only NaN differs from itself


def _variables(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [
        {"name": str(name), "change": str(change), "a": _text(before), "b": _text(after)}
        for name, change, before, after in frame.itertuples(index=False)
    ]


def _text(value: Any) -> str:
    return shorten(value, 120) if isinstance(value, str) and value else NONE
