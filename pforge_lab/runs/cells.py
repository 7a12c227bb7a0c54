"""The cells of a notebook as the steps of a run, and where an execution that broke off goes on."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from pforge_lab.errors import RunError
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import api
from pforge_lab.runs.journal import touched

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run
    from pforge_lab.state import StateManager

TOOL = "cell"


@dataclass(frozen=True, slots=True)
class Cell:
    """One code cell.

    Attributes
    ----------
    source
        Its code.
    may_fail
        Whether the notebook goes on when it raises.
    """

    source: str
    may_fail: bool = False


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
        Variables that the remaining cells read and that were not kept, with the reason.
    """

    position: int
    done: tuple[StepRecord, ...]
    reasons: dict[int, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def execute_cell() -> NoReturn:
    """Refuse to execute a cell outside of its notebook.

    Raises
    ------
    RunError
        Always, with what to do instead.
    """
    raise RunError(
        "the steps of this run are cells of a notebook; go on with: pforge-lab notebook IN OUT --resume RUN"
    )


def pipeline_of(name: str, cells: Sequence[Cell]) -> Pipeline:
    """Return a pipeline with one step a cell, labelled ``cell 1``, and so on.

    Examples
    --------
    >>> pipeline_of("night", [Cell("x = 1"), Cell("x + 1")]).labels
    ('cell 1', 'cell 2')
    """
    path = f"{execute_cell.__module__}:{execute_cell.__name__}"
    return Pipeline.from_dict(
        {
            "name": name,
            "tools": [{"type": "native", "name": TOOL, "handler": {"path": path}}],
            "steps": [{"tool": TOOL, "label": f"cell {place}"} for place in range(1, len(cells) + 1)],
        }
    )


def describe_notebook(run: Run, facts: dict[str, str]) -> None:
    """Keep with a run which notebook it executes: its input and its output."""
    journal = run.timeline.journal
    text = json.dumps(journal.definition() | {"notebook": facts}).encode()
    run.state.set(journal.key("definition"), text, ttl=math.inf)


def notebook_of(run: Run) -> dict[str, str]:
    """Return what `describe_notebook` kept; empty for the run of a pipeline."""
    return dict(run.timeline.journal.definition().get("notebook", {}))


def adopt_cells(run: Run, name: str, cells: Sequence[Cell]) -> None:
    """Make the steps of a run those of a notebook that has changed."""
    pipeline, journal = pipeline_of(name, cells), run.timeline.journal
    definition = journal.definition() | {
        "pipeline": pipeline.to_dict(),
        "digest": pipeline.digest,
        "step_digests": list(pipeline.step_digests),
    }
    run.state.set(journal.key("definition"), json.dumps(definition).encode(), ttl=math.inf)
    head = touched(run.timeline.head, steps_total=len(cells))
    journal.write_head(head)
    run.timeline.head, run.timeline.labels, run.pipeline = head, pipeline.labels, pipeline


def unfinished(state: StateManager, facts: dict[str, str]) -> Run | None:
    """Return the latest run of a notebook's input and output when it is not done, else None."""
    for summary in api.summaries(state):
        run = api.open_run(summary.id, state=state)
        if notebook_of(run) == facts:
            return None if run.status == "done" else run
    return None


def plan_resumption(run: Run, cells: Sequence[Cell]) -> Resumption:
    """Return from where cells go on: after the last one that completed with the code it has now.

    Parameters
    ----------
    run
        An execution that broke off, at the position to go on from.
    cells
        The code cells as they are now.
    """
    done: list[StepRecord] = []
    position, reasons = 0, dict[int, str]()
    history = run.history
    for record in history:
        if record.step is None:
            position = record.index
            continue
        place = len(done)
        if record.step != place + 1:
            break
        if place >= len(cells) or record.source != cells[place].source:
            reasons[record.step] = "its code or a parameter has changed"
            break
        done.append(record)
        position = record.index
    kept = _kept_position(run, position)
    if kept < position:
        done = [record for record in done if record.index <= kept]
        reasons[len(done) + 1] = "the snapshots after it were removed"
    first = min(reasons, default=0)
    for record in history:
        if first and record.step is not None and record.step > first:
            reasons.setdefault(record.step, f"it comes after cell {first}")
    missing = _missing(run, kept, [cell.source for cell in cells], len(done))
    return Resumption(kept, tuple(done), reasons, missing)


def _kept_position(run: Run, position: int) -> int:
    head = run.head
    if head.kept is None:
        return position
    return max((at for at in range(position + 1) if (head.lines.holder(at), at) in head.kept), default=0)


def _missing(run: Run, position: int, sources: Sequence[str], done: int) -> dict[str, str]:
    lost = run.timeline.manifest(position).not_kept
    needed = needs(sources[done:], sources[:done])
    return {name: reason for name, reason in lost.items() if name in needed}


def needs(sources: Iterable[str], earlier: Iterable[str] = ()) -> set[str]:
    """Return the names that cells read before they give them a value.

    What functions and classes read that are used counts too, also those of earlier cells. A cell that
    is no plain Python (a magic in it) counts line by line, as far as its lines can be read.

    Examples
    --------
    >>> sorted(needs(["y = x + 1", "print(y, f())"], ["def f(): return z"]))
    ['f', 'print', 'x', 'z']
    """
    bodies: dict[str, set[str]] = {}
    for source in earlier:
        _bodies(parsed(source), bodies)
    given, needed = set[str](), set[str]()
    for source in sources:
        for statement in parsed(source):
            _bodies([statement], bodies)
            names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
            needed |= {node.id for node in names if isinstance(node.ctx, ast.Load)} - given
            given |= _given(statement)
    return _with_bodies(needed, bodies, given)


def _with_bodies(needed: set[str], bodies: dict[str, set[str]], given: Collection[str]) -> set[str]:
    pending = [*needed, *given]
    seen = set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        reads = bodies.get(name, set())
        needed |= reads - set(given)
        pending += reads
    return needed


def _given(statement: ast.stmt) -> set[str]:
    """Return the names a statement surely gives a value."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(name.asname or name.name).partition(".")[0] for name in statement.names}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {
        node.id
        for target in targets
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _bodies(statements: Iterable[ast.stmt], bodies: dict[str, set[str]]) -> None:
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bodies[statement.name] = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def parsed(source: str) -> list[ast.stmt]:
    """Return the statements of a cell; of one that is no plain Python, those of the lines that are."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        statements: list[ast.stmt] = []
        for line in source.splitlines():
            try:
                statements += ast.parse(line.strip()).body
            except SyntaxError:
                continue
        return statements


def with_child_peak(record: StepRecord, peak: int) -> StepRecord:
    """Return a record whose reading knows what child processes held."""
    if record.memory is None:
        return record
    return replace(record, memory=record.memory._replace(child_peak=peak))
