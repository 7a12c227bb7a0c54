"""A run as the plain data that its tables show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab.errors import NotKept
from pforge_lab.runs.api import summary_of
from pforge_lab.runs.records import RunView, StepPlan, VariableRow, VariableSize
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pforge_lab.runs.run import Run


def overview(run: Run) -> RunView:
    """Return the run at a glance; nothing is loaded from the store for it but the variables."""
    plan = tuple(
        StepPlan(place, label, step.tool_name, step.output_var, step.condition)
        for place, (label, step) in enumerate(
            zip(run.pipeline.labels, run.pipeline.steps, strict=True), start=1
        )
    )
    return RunView(
        summary=summary_of(run),
        plan=plan,
        records=run.line_records,
        variables=variable_rows(run),
        attempt=run.attempt,
        stale=tuple(run.stale()),
    )


def variable_rows(run: Run, at: int | str | None = None) -> tuple[VariableRow, ...]:
    """Return the variables at a position or label (here, without), those that were just deleted last."""
    position = run.position if at is None else run.timeline.resolve(at)
    record = run.line_records[position - 1] if position else None
    variables = run.peek() if at is None else run.at(position).variables
    sizes = record.sizes if record else {}
    before = set(run.timeline.manifest(position - 1).names) if position else set()
    rows = []
    for name in variables:
        change = (
            "same" if record is None or name not in record.changed else "changed" if name in before else "new"
        )
        rows.append(_row(name, variables, sizes.get(name), change))
    gone = sorted(name for name in (record.changed if record else ()) if name not in variables)
    return (*rows, *(VariableRow(name, "", "", None, "deleted", "") for name in gone))


def _row(name: str, variables: Mapping[str, Any], size: VariableSize | None, change: str) -> VariableRow:
    try:
        value = variables[name]
    except NotKept as error:
        return VariableRow(name, "", "", None, "not kept", error.reason or "")
    kind, shape, preview = describe(value)
    return VariableRow(name, kind, shape, size, change, preview)
