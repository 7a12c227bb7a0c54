"""Where the execution of a notebook that broke off goes on."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from pforge_lab.runs.cell_source import parsed
from pforge_lab.runs.cells import keeps_variables
from pforge_lab.runs.reading import needs, reads_anything
from pforge_lab.runs.resumed import Resumption
from pforge_lab.runs.retention import described
from pforge_lab.runs.surroundings import changes_at

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pforge_lab.runs.cell import Cell
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run

_NO_OUTPUTS = "outputs of cells are not kept: give the value a name in its cell"
_OUTPUT = re.compile(r"_oh|_\d+")
_LAST_OUTPUTS = frozenset(("_", "__", "___"))
_INJECTED = "# Parameters\n"  # begins papermill's cell: there is none where no parameter is given


def plan_resumption(run: Run, cells: Sequence[Cell]) -> Resumption:
    """Return from where cells go on: after the last one that completed with the code it has now.

    Parameters
    ----------
    run
        An execution that broke off, at the position to go on from.
    cells
        The code cells as they are now.
    """
    if not keeps_variables(run):
        why = "the run kept no variables"
        again = {record.step: why for record in run.history if record.step is not None}
        return Resumption(reasons=again, keeps=False)
    done, position, reasons = _completed(run, cells)
    kept = _kept_position(run, position)
    if kept < position:
        undone = [record for record in done if record.index > kept]
        done = [record for record in done if record.index <= kept]
        why = f"the snapshot after it was removed, as the run keeps {described(run.head.keep)}"
        reasons |= {record.step: why for record in undone if record.step is not None}
    changed = max(reasons, default=0)
    for record in run.history:
        if changed and record.step is not None and record.step > changed:
            reasons.setdefault(record.step, f"it comes after cell {changed}")
    reasons = dict(sorted(reasons.items()))
    lost = run.timeline.manifest(kept).not_kept
    left = [cell.source for cell in cells[len(done) :]]
    needed = needs(left, [cell.source for cell in cells[: len(done)]])
    missing = {name: _told(run, name, kept, lost[name]) for name in lost if name in needed}
    missing |= _unset(run, kept, left)
    missing |= dict.fromkeys(_displayed(needed, left, len(done)), _NO_OUTPUTS)
    doubtful = tuple(lost) if not missing and reads_anything(left) else ()
    return Resumption(kept, tuple(done), reasons, missing, doubtful)


def _completed(run: Run, cells: Sequence[Cell]) -> tuple[list[StepRecord], int, dict[int, str]]:
    """Return the records of cells that stand as they were, the position after them, why the next does not."""
    done: list[StepRecord] = []
    position = 0
    for record in run.history:
        if record.step is None:  # an edit between cells
            position = record.index
            continue
        place = len(done)
        if record.step != place + 1:
            break
        if place >= len(cells):
            return done, position, {record.step: "it is gone"}
        if record.source != cells[place].source:
            sets = cells[place].sets_parameters or str(record.source).startswith(_INJECTED)
            what = "a parameter has changed" if sets else "its code has changed"
            return done, position, {record.step: what}
        done.append(record)
        position = record.index
    return done, position, {}


def _kept_position(run: Run, position: int) -> int:
    head = run.head
    if head.kept is None:
        return position
    return max((at for at in range(position + 1) if (head.lines.holder(at), at) in head.kept), default=0)


def _unset(run: Run, position: int, left: Sequence[str]) -> dict[str, str]:
    """Return environment variables that cells had set, were not kept, and are named by the cells that are left."""
    changes = changes_at(run.timeline, position)
    names = [] if changes is None else changes.lacking()
    why = "an environment variable, which may be a secret: set it before"
    return {
        name: why
        for name in names
        if any(f"{quote}{name}{quote}" in text for text in left for quote in "'\"")
    }


def _displayed(needed: Collection[str], left: Sequence[str], done: int) -> list[str]:
    """Return the names by which cells that are left read the outputs of those before them."""
    found = {
        name
        for name in needed
        if _OUTPUT.fullmatch(name) and not (name[1:].isdigit() and int(name[1:]) > done)
    }
    found |= _LAST_OUTPUTS & needs(left[:1])  # further cells may mean those of the cells left
    if "Out" in needed and _reads_outputs(left, done):
        found.add("Out")
    return sorted(found)


def _reads_outputs(left: Sequence[str], done: int) -> bool:
    """Return whether cells read more of ``Out`` than their own outputs, by number."""
    nodes = [node for source in left for statement in parsed(source) for node in ast.walk(statement)]
    named = [node for node in nodes if isinstance(node, ast.Name) and node.id == "Out"]
    numbers = [
        node.slice.value
        for node in nodes
        if isinstance(node, ast.Subscript) and node.value in named and isinstance(node.slice, ast.Constant)
    ]
    return len(numbers) < len(named) or not all(isinstance(one, int) and one > done for one in numbers)


def _told(run: Run, name: str, position: int, reason: str) -> str:
    maker = run.timeline.maker(name, position)
    return reason if maker is None else f"made by {maker}: {reason}"
