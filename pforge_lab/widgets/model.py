"""What a stepper shows, as plain JSON: data of a run in, data out, without a browser.

Every answer is bounded: a preview of a frame of 200 MB is a few kilobytes, as its view is.
"""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import UsageError
from pforge_lab.runs.api import summary_of
from pforge_lab.runs.glances import StepPlan
from pforge_lab.runs.records import StepRecord
from pforge_lab.values.format import NONE, duration, megabytes, shape, shorten, size
from pforge_lab.views.html import diff_html, preview_html, record_html
from pforge_lab.views.overview import overview, variable_rows
from pforge_lab.views.plots import plot_memory
from pforge_lab.views.runs import listed_steps

if TYPE_CHECKING:
    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.run import Run

MOST_BYTES = 150_000  # of one picture
MOST_EDITED = 20_000  # characters of JSON that a box for editing takes
_DRAWN = 200  # steps of a pipeline that are drawn


def view_of(run: Run, under_way: str | None = None) -> dict[str, Any]:
    """Return the run at a glance: where it stands, and one row per step.

    Parameters
    ----------
    run
        A run.
    under_way
        Label of the step that executes now.

    Returns
    -------
    dict
        ``id pipeline status position total next under_way error steps``; a step is ``label tool
        status at time after peak memory``, with ``at`` the position it reached or None, ``after`` and
        ``peak`` the shares of the highest peak, and ``memory`` both in words. 10 µs a step.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def double(x: int): return 2 * x
    >>> run = pf.Pipeline.from_functions("sum", double).start({"x": 20}, state="memory:")
    >>> view = view_of(run)
    >>> view["position"], [(step["label"], step["status"]) for step in view["steps"]]
    (0, [('double', 'pending')])
    """
    with run.still():
        return _view_of(run, under_way)


def _view_of(run: Run, under_way: str | None) -> dict[str, Any]:
    seen = overview(run)
    steps = listed_steps(seen)
    highest = max(
        (step.memory.peak for step in steps if isinstance(step, StepRecord) and step.memory), default=0
    )
    summary = summary_of(run)
    rows = [_step(step, highest, attempt=step is seen.attempt) for step in steps]
    following = next((row for row in rows if row["at"] is None), None)
    if under_way is not None and following is not None and following["label"] == under_way:
        following["status"] = "running"
    return {
        "id": run.id,
        "pipeline": shorten(summary.pipeline, 60),
        "status": summary.status,
        "position": run.position,
        "total": summary.steps_total,
        "next": run.next_label,
        "under_way": under_way,
        "error": shorten(summary.error or "", 300),
        "readonly": run.state.mode == "r",
        "steps": rows,
    }


def _step(step: StepRecord | StepPlan, highest: int, *, attempt: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"label": shorten(step.label, 60), "tool": shorten(step.tool, 40), "at": None}
    if isinstance(step, StepPlan):
        return row | {"status": "pending", "time": "", "after": 0, "peak": 0, "memory": ""}
    reading = step.memory
    memory = {"after": 0.0, "peak": 0.0, "memory": ""}
    if reading is not None and highest:
        bound = "" if reading.exact else "≥ "
        memory = {
            "after": round(reading.after / highest, 3),
            "peak": round(reading.peak / highest, 3),
            "memory": f"{megabytes(reading.after, digits=0)} MB, peak {bound}{megabytes(reading.peak, digits=0)} MB",
        }
    at = None if attempt else step.index
    time = NONE if step.status == "edited" else duration(step.seconds)
    return row | {"status": step.status, "at": at, "time": time} | memory


def variables_at(run: Run, position: int) -> list[dict[str, str]]:
    """Return one row per variable after a position: ``name type shape size change preview``, all text.

    Nothing is loaded for it.
    """
    return [_variable(row) for row in variable_rows(run, position)]


def _variable(row: VariableRow) -> dict[str, str]:
    held = NONE if row.size is None else ("≈ " if row.size.approx else "") + size(row.size.bytes)
    return {
        "name": row.name,
        "type": shorten(row.type, 40),
        "shape": shorten(shape(row.shape), 40),
        "size": held,
        "change": row.change,
        "preview": shorten(row.preview, 80),
    }


def preview_at(run: Run, position: int, name: str) -> dict[str, Any]:
    """Return one variable to look at, as ``html``, and as ``json`` if it can be edited.

    It is read from the snapshot, so looking counts as no use of the live object.
    """
    value = run.at(position).variables[name]
    return {"html": preview_html(value, name), "json": editable(value)}


def editable(value: object) -> str | None:
    r"""Return a value as JSON to edit, or None if it is none, or too long for a box.

    Examples
    --------
    >>> editable({"by": "carrier"}), editable(object())
    ('{\n  "by": "carrier"\n}', None)
    """
    if not isinstance(value, str | int | float | bool | list | dict | None):
        return None
    if isinstance(value, str | list | dict) and len(value) > MOST_EDITED:
        return None
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    if len(text) > MOST_EDITED or json.loads(text) != value:
        return None
    return text


def edited(text: str) -> Any:
    """Return the value that was written into the box.

    Raises
    ------
    UsageError
        It is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f'this is no JSON ({error}); text stands in quotes, as in "carrier"') from error


def diff_at(run: Run, before: int, after: int) -> str:
    """Return what differs between two positions, as HTML."""
    return diff_html(run.diff(before, after))


def record_at(run: Run, position: int | None) -> str:
    """Return the record of a position in full, or of the failed attempt (None), as HTML."""
    if position is None:
        attempt = run.attempt
        return record_html(attempt) if attempt else "<p>This step has not run yet.</p>"
    if position == 0:
        return "<p>The start: nothing has run yet.</p>"
    return record_html(run.line_records[position - 1])


def chart_of(run: Run, highest: int | None = None) -> str:
    """Return the memory chart as an image that carries its own data: no pyplot, no id in the page, no request.

    ``highest`` are the bytes that its axis goes up to, to be compared with another chart.
    """
    memory = run.memory
    if memory.empty or memory["peak"].isna().all():
        return "<p>No step has been measured yet.</p>"
    axes = plot_memory(memory, run.variable_sizes, dead=run.dead)
    if highest is not None:
        axes.set_ylim(top=max(axes.get_ylim()[1], highest / 1e6 * 1.12))
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes that were just drawn have one
    told = axes.get_title(loc="left").replace("\n", " ")
    kind, data = "svg+xml", io.BytesIO()
    figure.savefig(data, format="svg")
    if data.tell() > MOST_BYTES:
        kind, data = "png", io.BytesIO()
        figure.savefig(data, format="png", dpi=96)
    encoded = base64.b64encode(data.getvalue()).decode()
    alt = told.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<img class="pf-chart" alt="{alt}" src="data:image/{kind};base64,{encoded}">'


def graph_of(run: Run) -> str:
    """Return the data flow as SVG with the step the run stands after marked."""
    if len(run.pipeline.steps) > _DRAWN:
        return f"<p>{len(run.pipeline.steps):,} steps are too many to draw; run.pipeline.dataflow() lists them.</p>"
    record = run.line_records[run.position - 1] if run.position else None
    return run.pipeline.graph().to_svg(current=record.label if record else None)
