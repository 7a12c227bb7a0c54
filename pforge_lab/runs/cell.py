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
