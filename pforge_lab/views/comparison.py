"""Two runs side by side, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pforge_lab.values.format import NONE, count, duration, megabytes, shorten, size
from pforge_lab.views.blocks import Column, Line, Row, Table, Title, words
from pforge_lab.views.frames import diff_blocks
from pforge_lab.views.steps import status_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from pforge_lab.runs.compare import Comparison
    from pforge_lab.runs.glances import RunSummary
    from pforge_lab.views.blocks import Block

MOST_STEPS = 200
_STEADY = 1.05  # ratios within five per cent are noise
_SHORT = 1e-3  # seconds of which ratios tell nothing
NOT_TAKEN = "not taken"
NO_VARIABLE = "No variable differs"


def comparison_blocks(comparison: Comparison) -> Iterator[Block]:
    """Yield both runs, what differs in their parameters, each step's status, time and peak, and what variables differ."""
    a, b = comparison.a, comparison.b
    yield from heading_blocks(comparison)
    yield from params_blocks(comparison)
    yield _steps(comparison.steps)
    where = f"Variables that differ, A at position {a.position:,} and B at position {b.position:,}"
    yield from _differences(comparison.variables, where, NO_VARIABLE)


def heading_blocks(comparison: Comparison) -> Iterator[Block]:
    """Yield both runs at a glance."""
    a, b = comparison.a, comparison.b
    name = a.pipeline if a.pipeline == b.pipeline else f"{a.pipeline} and {b.pipeline}"
    yield Title(words(shorten(name, 80), "strong") + words("two runs compared"))
    yield _runs(a, b)


def params_blocks(comparison: Comparison) -> Iterator[Block]:
    """Yield the parameters that differ."""
    yield from _differences(comparison.params, "Parameters that differ", "The parameters are the same")


@dataclass(frozen=True, slots=True)
class StepPair:
    """A step of two runs in words; of a run that did not take it the status is ``not taken``, the rest a dash.

    ``ratio`` is the time of B out of that of A where both took long enough to tell; ``steady`` that it is noise.
    """

    label: str
    statuses: tuple[str, str]
    times: tuple[str, str]
    peaks: tuple[str, str]
    ratio: str
    steady: bool
    code: str


def step_pair(row: Mapping[Any, Any]) -> StepPair:
    """Return a row of ``comparison.steps`` in words.

    Examples
    --------
    >>> pair = step_pair({"label": "load", "status_a": "done", "status_b": None, "seconds_a": 2.0,
    ...     "seconds_b": float("nan"), "peak_a": 90_000_000, "peak_b": None, "code": ""})
    >>> pair.statuses, pair.times, pair.peaks, pair.ratio
    (('done', 'not taken'), ('2.00 s', '—'), ('90', '—'), '—')
    """
    ratio = _ratio(row["seconds_a"], row["seconds_b"])
    return StepPair(
        label=shorten(str(row["label"]), 60),
        statuses=(row["status_a"] or NOT_TAKEN, row["status_b"] or NOT_TAKEN),
        times=(_time(row["seconds_a"]), _time(row["seconds_b"])),
        peaks=(_peak(row["peak_a"]), _peak(row["peak_b"])),
        ratio=NONE if ratio is None else f"{ratio:.2f}",
        steady=ratio is None or 1 / _STEADY < ratio < _STEADY,
        code=row["code"],
    )


def _runs(a: RunSummary, b: RunSummary) -> Table:
    columns = (
        Column(""), Column("Run"), Column("Status"), Column("Steps", "right"), Column("Time", "right"),
        Column("Peak", "right"),
    )  # fmt: skip
    return Table("Runs", columns, (_run("A", a), _run("B", b)), header=0)


def _run(name: str, run: RunSummary) -> Row:
    cells = (
        words(name, "strong"),
        words(shorten(run.id, 60), "code"),
        status_words(run.status),
        words(f"{run.steps_done:,} of {run.steps_total:,}"),
        words(duration(run.seconds)),
        words(NONE if run.peak is None else size(run.peak)),
    )
    return Row(cells, note=words(shorten(run.error, 200), "error") if run.error else ())


def _steps(frame: pd.DataFrame) -> Table:
    code = bool((frame["code"] != "").any())
    columns = [
        Column("Step", flexible=True), Column("A"), Column("B"), Column("Time A", "right"),
        Column("Time B", "right"), Column("B / A", "right"), Column("Peak A MB", "right"),
        Column("Peak B MB", "right"),
    ]  # fmt: skip
    columns += [Column("Code")] if code else []
    rows = [_step(row, code=code) for row in frame.head(MOST_STEPS).to_dict("records")]
    if left := len(frame) - len(rows):
        rows.append(Row((words(f"… {count(left, 'step')} left out", "muted"),), "gap"))
    return Table("Steps", tuple(columns), tuple(rows), header=0)


def _step(row: dict[Any, Any], *, code: bool) -> Row:
    pair = step_pair(row)
    cells = [
        words(pair.label),
        *(
            words(NOT_TAKEN, "muted") if row[name] is None else status_words(row[name])
            for name in ("status_a", "status_b")
        ),
        *map(words, pair.times),
        words(pair.ratio, "muted" if pair.steady else "strong"),
        *map(words, pair.peaks),
    ]
    cells += [words(pair.code, "edited")] if code else []
    return Row(tuple(cells))


def _time(seconds: float) -> str:
    return NONE if seconds != seconds else duration(seconds)  # noqa: PLR0124 - only NaN differs from itself


def _ratio(a: float, b: float) -> float | None:
    return b / a if a > _SHORT and b > _SHORT else None  # NaN compares false


def _peak(peak: Any) -> str:
    return megabytes(int(peak), digits=0) if isinstance(peak, int) else NONE


def _differences(frame: pd.DataFrame, title: str, none: str) -> Iterator[Block]:
    if frame.empty:
        yield Line(words(none, "muted"))
        return
    for block in diff_blocks(frame):
        if not isinstance(block, Table):
            yield block
            continue
        heads = [
            Column({"Before": "A", "After": "B"}.get(c.title, c.title), flexible=True) for c in block.columns
        ]
        yield Table(title, tuple(heads), block.rows, block.header)
