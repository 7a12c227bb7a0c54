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
from pforge_lab.values.format import NONE, duration, megabytes, shape, shorten, size
from pforge_lab.views.html import diff_html, preview_html, record_html
from pforge_lab.views.html_blocks import stylesheet
from pforge_lab.views.overview import planned, variable_rows
from pforge_lab.views.plots import plot_memory
from pforge_lab.views.runs import in_order
from pforge_lab.widgets.browsing import place_of, window

if TYPE_CHECKING:
    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run

MOST_BYTES = 150_000  # of one picture
MOST_EDITED = 20_000  # characters of JSON that a box for editing takes
MOST_SENT = 100  # steps of a run that are sent at each move
_DRAWN = 200  # steps of a pipeline that are drawn


def view_of(run: Run, under_way: str | None = None) -> dict[str, Any]:
    """Return the run at a glance: where it stands, and the steps around there, at most `MOST_SENT`.

    Parameters
    ----------
    run
        A run.
    under_way
        Label of the step that executes now.

    Returns
    -------
    dict
        ``id pipeline status position here total end next under_way error length start steps``: ``here`` is the
        label at the position, ``end`` the last position of the line; there are ``length`` steps, of which
        ``steps`` are those from ``start`` on, as `steps_at` has them.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def double(x: int): return 2 * x
    >>> run = pf.Pipeline.from_functions("sum", double).start({"x": 20}, state="memory:")
    >>> view = view_of(run)
    >>> view["position"], view["length"], [(step["label"], step["status"]) for step in view["steps"]]
    (0, 1, [('double', 'pending')])
    """
    with run.still():
        position, records, summary = run.position, run.line_records, summary_of(run)
        return {
            "id": run.id,
            "pipeline": shorten(summary.pipeline, 60),
            "status": summary.status,
            "position": position,
            "here": shorten(records[position - 1].label, 60) if position else "",
            "end": len(records),
            "total": summary.steps_total,
            "next": run.next_label,
            "under_way": under_way,
            "error": shorten(summary.error or "", 300),
            "readonly": run.state.mode == "r",
            **steps_at(run, max(0, position - MOST_SENT // 2), under_way=under_way),
        }


def steps_at(run: Run, start: int, count: int = MOST_SENT, *, under_way: str | None = None) -> dict[str, Any]:
    """Return some of the steps of a run: ``length start steps``.

    The first of them comes after the start of the run, so that the step of position n has place n - 1. A step is
    ``label tool status at time after peak memory``, with ``at`` the position it reached or None, ``after`` and
    ``peak`` the shares of the highest peak, and ``memory`` both in words.
    """
    with run.still():
        position, records, attempt = run.position, run.line_records, run.attempt
        listed = in_order(position, records, attempt, range(len(run.pipeline.labels)))
        start, shown = window(listed, {"start": start, "count": count})
        steps = [planned(run, step) if isinstance(step, int) else step for step in shown]
    measured = records if attempt is None else (*records, attempt)
    highest = max((step.memory.peak for step in measured if step.memory), default=0)
    rows = [_step(step, highest, attempt=step is attempt) for step in steps]
    ahead = max(0, position - start)  # the step under way is the first of its label that is not passed
    place = next((place for place in range(ahead, len(steps)) if steps[place].label == under_way), None)
    if place is not None:
        rows[place]["status"] = "running"
    return {"length": len(listed), "start": start, "steps": rows}


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


def variables_page(run: Run, asked: dict[str, Any]) -> dict[str, Any]:
    """Return some of the variables after a position: ``total start at rows``, with ``at`` the place of ``kept``.

    They are ``count`` from ``start`` on, or those around ``kept`` where it is not among these.
    """
    found = variable_rows(run, asked["at"])
    at = place_of(asked, [row.name for row in found])
    if at is not None and not 0 <= at - asked["start"] < asked["count"]:
        asked = asked | {"start": at - asked["count"] // 4}
    start, rows = window(list(found), asked)
    return {"total": len(found), "start": start, "at": at, "rows": [_variable(row) for row in rows]}


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
    return {"html": _within(preview_html(value, name)), "json": editable(value)}


def _within(html: str) -> str:
    """Return a fragment without the style that the page of a widget has already: most of its bytes."""
    return html.replace(f"<style>{stylesheet()}</style>", "", 1)


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
    return _within(diff_html(run.diff(before, after)))


def record_at(run: Run, position: int | None) -> str:
    """Return the record of a position in full, or of the failed attempt (None), as HTML."""
    if position is None:
        attempt = run.attempt
        return _within(record_html(attempt)) if attempt else "<p>This step has not run yet.</p>"
    if position == 0:
        return "<p>The start: nothing has run yet.</p>"
    return _within(record_html(run.line_records[position - 1]))


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
    steps = len(run.pipeline.steps)
    if steps > _DRAWN or len((graph := run.pipeline.graph()).rows) > 2 * _DRAWN:
        return f"<p>{steps:,} steps with their parts are too many to draw; run.pipeline.dataflow() lists them.</p>"
    record = run.line_records[run.position - 1] if run.position else None
    return graph.to_svg(current=record.label if record else None)
