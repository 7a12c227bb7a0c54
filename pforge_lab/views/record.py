"""One step in full: status, time, memory, what it changed, logs, error, parts."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pforge_lab.values.format import count, duration, megabytes, moment, names, shorten, size
from pforge_lab.views.blocks import Column, Details, Line, Listing, Piece, Row, Table, Title, words
from pforge_lab.views.steps import peak_megabytes, status_words, step_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pforge_lab.meter import Reading
    from pforge_lab.runs.records import LogLine, StepRecord
    from pforge_lab.views.blocks import Block, Cell

_HEAD, _TAIL, _LINE = 50, 150, 1000
_NOT_KEPT = 20
_OPEN_LINES = 20  # longer logs start closed


def record_blocks(record: StepRecord) -> Iterator[Block]:
    """Yield the facts of one step, its error and traceback, what it wrote, and its parts."""
    yield Title(
        (
            Piece(shorten(record.label, 60), "strong"),
            *status_words(record.status),
            Piece("·", "muted"),
            Piece(duration(record.seconds)),
        )
    )
    if record.error:
        yield Line(words(shorten(record.error, 2000), "error"))
    if record.traceback:
        yield Details("Traceback", (Listing(excerpt(record.traceback.splitlines())),))
    facts = tuple(Row((words(name), cell)) for name, cell in _facts(record) if cell)
    yield Table("Record", (Column(""), Column("", flexible=True)), facts, header=0)
    if record.children:
        yield step_table(record.children, caption=f"Parts of {shorten(record.label, 60)}")
    if record.logs:
        yield _logs(record.logs)


def _facts(record: StepRecord) -> Iterator[tuple[str, Cell]]:
    yield "Position", words(f"{record.index:,}")
    yield "Step", words("" if record.step is None else f"{record.step:,}")
    yield "Tool", words(shorten(record.tool, 200))
    yield "Started", words(moment(record.started))
    yield "Time", words(duration(record.seconds))
    yield "Attempts", words(f"{record.attempts:,}")
    yield "Output", words(shorten(record.output_var or "", 200), "code")
    yield (
        "Changed",
        words(names(record.changed, limit=50, each=60) or "nothing", "code" if record.changed else "muted"),
    )
    yield "Undeclared", words(names(record.undeclared, limit=50, each=60), "stale")
    for name, why in islice(record.not_kept.items(), _NOT_KEPT):
        yield f"Not kept: {shorten(name, 60)}", words(shorten(why, 300))
    if left := max(0, len(record.not_kept) - _NOT_KEPT):
        yield "Not kept", words(f"… {left:,} more", "muted")
    yield "Memory", _memory(record.memory) if record.memory else words("not measured", "muted")


def _memory(memory: Reading) -> Cell:
    before, after = megabytes(memory.before, digits=0), megabytes(memory.after, digits=0)
    notes = shorten(memory.method, 40) + ("" if memory.exact else ", the true peak may be higher")
    notes += ", peak shared with overlapping steps" if memory.shared else ""
    notes += f", {size(memory.arrow)} of it in Arrow's pool" if memory.arrow else ""
    notes += f", child processes {size(memory.child_peak)} besides" if memory.child_peak else ""
    return words(f"{before} → {after} MB, peak {peak_megabytes(memory)} MB") + words(f"({notes})", "muted")


def _logs(logs: Sequence[LogLine]) -> Details:
    lines = [line.text if line.stream == "stdout" else f"{line.stream}: {line.text}" for line in logs]
    title = f"Logs: {count(len(lines), 'line')}"
    return Details(title, (Listing(excerpt(lines)),), open=len(lines) <= _OPEN_LINES)


def excerpt(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the first and the last of many lines, each bounded, with a count of what is left out.

    Examples
    --------
    >>> excerpt([str(n) for n in range(1000)])[49:52]
    ('49', '… 800 lines left out', '850')
    """
    if len(lines) > _HEAD + _TAIL:
        gap = f"… {count(len(lines) - _HEAD - _TAIL, 'line')} left out"
        lines = [*lines[:_HEAD], gap, *lines[-_TAIL:]]
    return tuple(shorten(line[: 5 * _LINE].expandtabs(4), _LINE) for line in lines)
