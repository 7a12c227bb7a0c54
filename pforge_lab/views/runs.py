"""One run at a glance, and the list of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pforge_lab.values.format import NONE, count, duration, megabytes, moment, names, place, shorten, size
from pforge_lab.views.blocks import Column, Line, Piece, Row, Table, Title, words
from pforge_lab.views.steps import status_words, step_table
from pforge_lab.views.variables import variable_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pforge_lab.runs.glances import RunSummary, RunView, StepPlan
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.views.blocks import Block, Cell

T = TypeVar("T")
_DOT = (Piece("·", "muted"),)
MOST_VARIABLES = 40
MOST_RUNS = 100


def run_blocks(view: RunView) -> Iterator[Block]:
    """Yield headline, origin, notices, steps and variables of one run."""
    summary = view.summary
    here = _label_at(view)
    yield Title(_headline(summary, here))
    yield Line(_origin(summary))
    if summary.params:
        yield Line(words("Params", "muted") + words(_params(summary), "code"))
    if summary.error and view.attempt is None:
        yield Line(words(shorten(summary.error, 200), "error"))
    if view.stale:
        yield Line(words("Code changed since it ran:", "edited") + words(names(view.stale, limit=20)))
    if view.revised:
        yield Line(words("Pipeline file changed:", "edited") + words(view.revised))
    yield step_table(
        listed_steps(view), position=summary.position, attempt=view.attempt, stale=frozenset(view.stale)
    )
    if view.variables:
        where = f"position {summary.position:,}" + (f", {shorten(here, 60)}" if here else "")
        yield variable_table(view.variables, title=f"Variables at {where}", limit=MOST_VARIABLES)


def found(summaries: Sequence[RunSummary], containing: str = "", status: str = "") -> list[RunSummary]:
    """Return the runs of a status whose id, pipeline, parameters, error or store contain a text, whatever its case.

    Status ``unfinished`` stands for failed and interrupted ones, an empty one for all.
    """
    chosen = {"": None, "unfinished": ("failed", "interrupted")}.get(status, (status,))
    text = containing.casefold()
    return [
        row for row in summaries if (chosen is None or row.status in chosen) and text in _told(row).casefold()
    ]


def _told(summary: RunSummary) -> str:
    params = [f"{name} = {value}" for name, value in summary.params.items()]
    return "\n".join([summary.id, summary.pipeline, place(summary.place), summary.error or "", *params])


def runs_blocks(
    summaries: Sequence[RunSummary], sizes: Mapping[tuple[str, str], int] | None = None
) -> Iterator[Block]:
    """Yield the table of runs, newest first; with what they take in their stores, by place and id, if that is known."""
    newest = sorted(summaries, key=lambda summary: (summary.created.timestamp(), summary.id), reverse=True)
    shown = newest[:MOST_RUNS]
    if not shown:
        yield Line(words("No runs", "muted"))
        return
    left = len(newest) - len(shown)
    places = {summary.place for summary in newest}
    rows = [_run_row(summary, sizes, places=len(places) > 1) for summary in shown]
    if left:
        rows.append(Row((words(f"… {count(left, 'older run')} left out", "muted"),), "gap"))
    columns = [
        Column("Run"), Column("Pipeline", flexible=True), Column("Status"), Column("Steps", "right"),
        Column("Time", "right"), Column("Peak MB", "right"), *([] if sizes is None else [Column("Stored", "right")]),
        Column("Created"), Column("Updated", spare=True), Column("Params", flexible=True),
    ]  # fmt: skip
    columns += [Column("Kept in", flexible=True)] if len(places) > 1 else []
    where = "" if len(places) > 1 else f" in {place(shown[0].place)}"
    yield Table(count(len(newest), "run") + where, tuple(columns), tuple(rows), header=0)


def _run_row(summary: RunSummary, sizes: Mapping[tuple[str, str], int] | None, *, places: bool) -> Row:
    stored = None if sizes is None else sizes.get((summary.place, summary.id))
    cells = (
        words(shorten(summary.id, 60), "code"),
        words(shorten(summary.pipeline, 60)),
        status_words(summary.status),
        words(f"{summary.steps_done:,} of {summary.steps_total:,}"),
        words(duration(summary.seconds)),
        words(NONE if summary.peak is None else megabytes(summary.peak, digits=0)),
        *(() if sizes is None else (words(NONE if stored is None else size(stored)),)),
        words(moment(summary.created, seconds=False)),
        words(moment(summary.updated, seconds=False)),
        words(_params(summary), "code"),
        *((words(place(summary.place), "muted"),) if places else ()),
    )
    return Row(cells, note=words(shorten(summary.error, 200), "error") if summary.error else ())


def _headline(summary: RunSummary, here: str) -> Cell:
    name = words(shorten(summary.pipeline, 60), "strong") + words(shorten(summary.id, 60), "code")
    where = f"position {summary.position:,}" + (f", {shorten(here, 60)}" if here else "")
    parts = [
        name,
        status_words(summary.status),
        words(f"{summary.steps_done:,} of {count(summary.steps_total, 'step')}"),
        words(where),
        words(duration(summary.seconds)),
    ]
    if summary.peak is not None:
        parts.append(words(f"peak {size(summary.peak)}"))
    return _separated(parts)


def _origin(summary: RunSummary) -> Cell:
    created, updated = moment(summary.created), moment(summary.updated)
    kept = words("Kept in", "muted") + words(place(summary.place))
    return _separated([kept, words(f"created {created}", "muted"), words(f"updated {updated}", "muted")])


def _separated(parts: Sequence[Cell]) -> Cell:
    return tuple(piece for place, part in enumerate(parts) for piece in ((_DOT + part) if place else part))


def _params(summary: RunSummary) -> str:
    listed = [f"{shorten(name, 40)} = {shorten(value, 60)}" for name, value in summary.params.items()]
    return names(listed, limit=12, each=110)


def _label_at(view: RunView) -> str:
    """Return the label the run stands after, or '' at the start."""
    at = view.summary.position
    return next((record.label for record in reversed(view.records) if record.index == at), "")


def listed_steps(view: RunView) -> list[StepRecord | StepPlan]:
    """Return the steps of a run as its table lists them; see `in_order`."""
    return in_order(view.summary.position, view.records, view.attempt, view.plan)


def in_order(
    position: int, records: Sequence[StepRecord], attempt: StepRecord | None, plan: Sequence[T]
) -> list[StepRecord | T]:
    """Return records up to the position, the failed attempt, records stepped back over, the rest of the plan.

    ``plan`` is what stands for each step of the pipeline, in order.
    """
    attempts = [attempt] if attempt else []
    seen = {record.step for record in (*records, *attempts)}
    left = [step for number, step in enumerate(plan, start=1) if number not in seen]
    return [*records[:position], *attempts, *records[position:], *left]
