"""What is known of an execution of a notebook that goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pforge_lab.runs.records import StepRecord


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where an execution goes on.

    Attributes
    ----------
    position
        Of the run, whose variables the kernel is given.
    done
        Records of the cells that are not executed again, in the order of the cells.
    reasons
        Why completed cells are executed again, by their number (1 is the first).
    missing
        Variables that the remaining cells read and that were not kept, with the cell that made them
        and the reason.
    doubtful
        Variables that were not kept and that the remaining cells may read without naming them.
    keeps
        Whether the run keeps variables: the execution is a new run otherwise.
    """

    position: int = 0
    done: tuple[StepRecord, ...] = ()
    reasons: dict[int, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    keeps: bool = True
