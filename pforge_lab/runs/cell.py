"""A code cell of a notebook."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pforge_lab.runs.records import StepRecord

TOOL = "cell"  # what the steps of a notebook's run call


@dataclass(frozen=True, slots=True)
class Cell:
    """One code cell.

    Attributes
    ----------
    source
        Its code.
    may_fail
        Whether the notebook goes on when it raises.
    sets_parameters
        Whether it was made of the parameters of this execution.
    """

    source: str
    may_fail: bool = False
    sets_parameters: bool = False


def step_of(place: int) -> dict[str, str]:
    """Return the step of a cell: all that a run's definition says of it.

    Examples
    --------
    >>> step_of(2)
    {'tool': 'cell', 'label': 'cell 2'}
    """
    return {"tool": TOOL, "label": f"cell {place}"}


def how_to_go_on(run: str, notebook: Mapping[str, str], url: str) -> str:
    """Return what executes the cells that a notebook's run has not executed.

    Parameters
    ----------
    run
        Its id.
    notebook
        Its input and its output; one that is recorded live has no output.
    url
        Its store.

    Examples
    --------
    >>> how_to_go_on("night-1", {"input": "/in.ipynb", "output": "/out.ipynb"}, "zodb:/out.ipynb.pforge/run.fs")
    'go on with: pforge-lab notebook /in.ipynb /out.ipynb --resume night-1'
    >>> how_to_go_on("lab-1", {"input": "/lab.ipynb"}, "zodb:/runs.fs")
    'execute the next cell in the notebook, once it has: %pforge attach lab-1, and: %pforge record on'
    """
    if "output" not in notebook:
        return f"execute the next cell in the notebook, once it has: %pforge attach {run}, and: %pforge record on"
    source, output = notebook["input"] or "IN", notebook["output"] or "OUT"  # those in memory have no path
    words = ["pforge-lab", "notebook", source, output, "--resume", run]
    words += [] if url == f"zodb:{output}.pforge/run.fs" else ["--store", url]
    return f"go on with: {shlex.join(words)}"


def with_steps(definition: dict[str, Any], count: int) -> dict[str, Any]:
    """Return the definition of a notebook's run with so many steps; any other as it is.

    It is kept without them: a notebook that is recorded gets one more with each cell.

    Examples
    --------
    >>> kept = without_steps({"cells": True, "pipeline": {"name": "night", "steps": [step_of(1)]}})
    >>> kept["pipeline"], with_steps(kept, 2)["pipeline"]["steps"] == [step_of(1), step_of(2)]
    ({'name': 'night'}, True)
    """
    if not definition.get("cells"):
        return definition
    steps = [step_of(place) for place in range(1, count + 1)]
    return definition | {"pipeline": definition["pipeline"] | {"steps": steps}}


def without_steps(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of a notebook's run as it is kept; any other as it is."""
    if not definition.get("cells"):
        return definition
    plain = {name: value for name, value in definition["pipeline"].items() if name != "steps"}
    kept = {name: value for name, value in definition.items() if name not in ("digest", "step_digests")}
    return kept | {"pipeline": plain}


def description(record: StepRecord) -> dict[str, Any]:
    """Return what a record knows of its cell, for the cell's metadata."""
    memory = None
    if record.memory is not None:
        memory = {name: value for name, value in record.memory._asdict().items() if value is not None}
    return {
        "position": record.index,
        "status": record.status,
        "seconds": record.seconds,
        "memory": memory,
        "changed": list(record.changed),
        "not_kept": record.not_kept,
    }
