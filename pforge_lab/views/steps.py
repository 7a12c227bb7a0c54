"""The table of steps: what ran, what it cost, what it changed, and what is still to run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from pforge_lab.runs.glances import StepPlan
from pforge_lab.runs.records import StepRecord
from pforge_lab.values.format import NONE, count, duration, megabytes, names, shorten, visible
from pforge_lab.views.blocks import Bar, Column, Piece, Row, Table, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pforge_lab.meter import Reading
    from pforge_lab.views.blocks import Cell

GLYPHS = {
    "done": "✓", "failed": "✗", "skipped": "↷", "edited": "✎", "pending": "○",
    "ready": "○", "running": "▶", "paused": "◐", "interrupted": "✗",
}  # fmt: skip
MOST_ROWS = 60
_WINDOW = 10

_Status = Literal[
    "done", "failed", "skipped", "edited", "pending", "ready", "running", "paused", "interrupted"
]
_Tone = Literal["plain", "current", "ahead", "pending"]
Step = StepRecord | StepPlan


def _plan_word(step: StepPlan) -> str:
    return "not recorded" if step.executed else "not run"


def status_words(status: _Status) -> Cell:
    """Return a status as a glyph and its word: colour never stands alone."""
    word = "not run" if status == "pending" else status
    return (Piece(word, status, GLYPHS[status]),)


def step_table(
    steps: Sequence[Step],
    *,
    position: int | None = None,
    attempt: StepRecord | None = None,
    stale: Collection[str] = (),
    caption: str = "Steps",
) -> Table:
    """Return the table of ``steps``: those that have run, then those planned.

    Parameters
    ----------
    position
        Where the run stands: that record is marked, later ones are greyed. None marks nothing.
    attempt
        A failed attempt among ``steps`` that took no position.
    stale
        Labels of steps whose code has changed since they ran.

    Notes
    -----
    Of more than 60 steps, the first, the last and those around the position are shown, with a count
    of what is left out; the cost grows with what is shown.
    """
    measured = [step.memory for step in steps if isinstance(step, StepRecord) and step.memory]
    scale = max((memory.peak for memory in measured), default=0)
    rows: list[Row] = []
    end = 0
    for start, stop in windows(len(steps), _place_of(steps, position, attempt)):
        if start > end:
            rows.append(_gap(steps[end:start]))
        for step in steps[start:stop]:
            tone = _tone(step, position, attempt)
            rows.append(_row(step, tone, scale=scale, stale=step.label in stale, attempt=step is attempt))
        end = stop
    return Table(caption, _columns(measured=scale > 0), tuple(rows), header=2)


def _columns(*, measured: bool) -> tuple[Column, ...]:
    step = (
        Column("#", "right"),
        Column("Status"),
        Column("Step", flexible=True),
        Column("Tool", flexible=True),
    )
    memory = (Column("After MB", "right"), Column("Peak MB", "right"), Column("Memory", spare=True))
    return (*step, Column("Time", "right"), *(memory if measured else ()), Column("Changed", flexible=True))


def windows(total: int, here: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of rows to show: all of a short table, else head, neighbourhood of ``here``, tail.

    Examples
    --------
    >>> list(windows(7, 5))
    [(0, 7)]
    >>> list(windows(2000, 1000))
    [(0, 10), (990, 1011), (1990, 2000)]
    >>> list(windows(2000, 5))
    [(0, 16), (1990, 2000)]
    """
    if total <= MOST_ROWS:
        yield 0, total
        return
    spans = [(0, _WINDOW), (max(0, here - _WINDOW), min(total, here + _WINDOW + 1)), (total - _WINDOW, total)]
    start, end = spans[0]
    for first, last in spans[1:]:
        if first > end:
            yield start, end
            start = first
        end = max(end, last)
    yield start, end


def _place_of(steps: Sequence[Step], position: int | None, attempt: StepRecord | None) -> int:
    if position is None:
        return 0
    taken = (
        place
        for place, step in enumerate(steps)
        if isinstance(step, StepRecord) and step is not attempt and step.index == position
    )
    return next(taken, 0)


def _tone(step: Step, position: int | None, attempt: StepRecord | None) -> _Tone:
    if isinstance(step, StepPlan):
        return "pending"
    if position is None or step is attempt or step.index < position:
        return "plain"
    return "current" if step.index == position else "ahead"


def _gap(left_out: Sequence[Step]) -> Row:
    by_status = Counter(
        step.status if isinstance(step, StepRecord) else _plan_word(step) for step in left_out
    )
    kinds = ", ".join(f"{number:,} {status}" for status, number in by_status.most_common())
    failed = [step.label for step in left_out if isinstance(step, StepRecord) and step.status == "failed"]
    kinds += f" ({names(failed, limit=3)})" if failed else ""
    return Row((words(f"… {count(len(left_out), 'step')} left out: {kinds}", "muted"),), "gap")


def _row(step: Step, tone: _Tone, *, scale: int, stale: bool, attempt: bool) -> Row:
    label = words(shorten(step.label, 60), "strong" if tone == "current" else "plain")
    tool = words(shorten(step.tool, 60), "muted")
    if isinstance(step, StepPlan):
        empty: tuple[Cell, ...] = ((), (), ()) if scale else ()
        condition = words(f"if {shorten(step.condition, 60)}", "muted") if step.condition else ()
        status = (Piece(_plan_word(step), "pending", GLYPHS["pending"]),)
        return Row(((), status, label + condition, tool, (), *empty, ()), tone)
    cells = (
        () if attempt else (Piece(f"{step.index:,}", glyph="▶" if tone == "current" else ""),),
        status_words(step.status),
        label + _asides(step) + (words("(code changed)", "stale") if stale else ()),
        tool,
        words(NONE if step.status == "edited" else duration(step.seconds)),
        *(memory_cells(step.memory, scale) if scale else ()),
        words(names(step.changed), "code"),
    )
    return Row(cells, tone, note=_note(step))


def _asides(record: StepRecord) -> Cell:
    parts = [count(len(record.children), "part")] if record.children else []
    parts += [count(record.attempts, "attempt")] if record.attempts > 1 else []
    return words(f"({', '.join(parts)})", "muted") if parts else ()


def _note(record: StepRecord) -> Cell:
    lost = names([f"{name} ({shorten(why, 80)})" for name, why in record.not_kept.items()], limit=3, each=120)
    parts = [
        words(shorten(record.error, 200), "error") if record.error else (),
        words(f"changed without naming it: {names(record.undeclared)}", "stale") if record.undeclared else (),
        words(f"not kept: {lost}", "muted") if lost else (),
    ]
    pieces = [piece for part in parts if part for piece in (Piece("·", "muted"), *part)]
    return tuple(pieces[1:])


def memory_cells(memory: Reading | None, scale: int) -> tuple[Cell, Cell, Cell]:
    """Return memory after a step, its peak, and a bar of both; ``≥`` where the peak may be higher.

    ``shared`` stands where other parts ran beside it, which have the same peak.
    """
    if memory is None:
        return (), (), ()
    after, peak = megabytes(memory.after, digits=0), peak_megabytes(memory)
    bar = Bar(memory.after, memory.peak, scale, visible(f"{after} MB after the step, peak {peak} MB"))
    return words(after), words(peak) + (words("shared", "muted") if memory.shared else ()), (bar,)


def peak_megabytes(memory: Reading) -> str:
    """Return the peak in MB, with ``≥`` when the true one may be higher."""
    return ("" if memory.exact else "≥ ") + megabytes(memory.peak, digits=0)
