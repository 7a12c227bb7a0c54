"""A code cell of a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
