"""A run as the plain data that its tables show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.errors import SpecError
from pforge_lab.runs.api import summary_of
from pforge_lab.runs.glances import RunView, StepPlan, VariableRow

if TYPE_CHECKING:
    from pforge_lab.runs.readable import Readable


def overview(run: Readable) -> RunView:
    """Return the run at a glance; no variable is loaded for it."""
    with run.still():
        return RunView(
            summary=summary_of(run),
            plan=tuple(planned(run, place) for place in range(len(run.pipeline.steps))),
            records=run.line_records,
            variables=variable_rows(run),
            attempt=run.attempt,
            stale=tuple(run.stale()),
            revised=_revised(run),
        )


def planned(run: Readable, place: int) -> StepPlan:
    """Return a step as the pipeline of a run declares it; the first has place 0."""
    step = run.pipeline.steps[place]
    return StepPlan(place + 1, run.pipeline.labels[place], step.tool_name, step.output_var, step.condition)


def _revised(run: Readable) -> str:
    """Return what differs in the pipeline's file since the run was started, or an empty string."""
    try:
        found = run.revision()
    except SpecError as error:
        return f"it cannot be read ({str(error).splitlines()[0]}); the run goes on as it was started"
    if found is None:
        return ""
    where = f" from {found.first!r}" if found.first else ""
    return f"{found}; the run goes on as it was started, run.fork_changed() with the change{where}"


def variable_rows(run: Readable, at: int | str | None = None) -> tuple[VariableRow, ...]:
    """Return the variables at a position or label (here, without), those that were just deleted last.

    Nothing is loaded: snapshots tell what their variables are. Live variables, which the user may
    have changed since, are looked at anew.
    """
    with run.still():
        return _rows(run, at)


def _rows(run: Readable, at: int | str | None) -> tuple[VariableRow, ...]:
    position = run.position if at is None else run.timeline.resolve(at)
    record = run.line_records[position - 1] if position else None
    manifest = run.timeline.manifest(position)
    told = manifest.told | (run.describe_live() if at is None else {})
    sizes = record.sizes if record else {}
    if at is None and (not record or any(size.hurried for size in sizes.values())):
        sizes = sizes | run.live_sizes()
    changed = set(record.changed) if record else set()
    before = set(run.timeline.manifest(position - 1).names) if changed else set()
    rows = []
    for name in manifest.names:
        if not name:  # the output of a step that has no output_var
            continue
        if name in manifest.not_kept:
            rows.append(VariableRow(name, *told[name][:2], None, "not kept", manifest.not_kept[name]))
            continue
        change = "same" if name not in changed else "changed" if name in before else "new"
        kind, shape, preview = told[name]
        rows.append(VariableRow(name, kind, shape, sizes.get(name), change, preview))
    gone = sorted(changed - set(manifest.names))
    return (*rows, *(VariableRow(name, "", "", None, "deleted", "") for name in gone))
