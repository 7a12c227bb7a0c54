"""Two runs side by side: parameters, records, times, memory, final variables."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from pforge_lab.late import pd
from pforge_lab.runs.listing import summary_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pforge_lab.runs.glances import RunSummary
    from pforge_lab.runs.readable import Readable
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.widgets.comparison import RunComparison

STEP_COLUMNS = ("label", "status_a", "status_b", "seconds_a", "seconds_b", "peak_a", "peak_b", "code")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs have in common, and what not.

    Attributes
    ----------
    a, b
        The runs at a glance.
    params
        Parameters that differ: ``variable change before after``, as of `pforge_lab.Run.diff`.
    steps
        A row per step that either run took, in order: ``label``; ``status_a status_b`` (None where a run
        did not take it); ``seconds_a seconds_b``; ``peak_a peak_b`` in bytes; ``code``, ``"differs"`` where
        the function behind the step was another one, else empty.
    variables
        Variables that differ where the runs stand: ``variable change before after``.
    """

    a: RunSummary
    b: RunSummary
    params: pd.DataFrame
    steps: pd.DataFrame
    variables: pd.DataFrame

    def ui(self) -> RunComparison:
        """Return both runs side by side, for a notebook: each step's records, and variables with previews.

        They are compared where they stand when this is called.
        """
        from pforge_lab.runs.api import open_run  # noqa: PLC0415 - api makes runs, and runs compare themselves
        from pforge_lab.widgets.comparison import RunComparison  # noqa: PLC0415 - a view, and ipywidgets is slow to import

        return RunComparison(*(open_run(run.id, state=run.place) for run in (self.a, self.b)))

    def __repr__(self) -> str:
        from pforge_lab.views.text import comparison_text  # noqa: PLC0415 - a view

        return comparison_text(self)

    def _repr_html_(self) -> str:
        from pforge_lab.views.html import comparison_html  # noqa: PLC0415 - a view

        return comparison_html(self)


def compare_runs(a: Readable, b: Readable) -> Comparison:
    """Compare two runs where they stand.

    Only variables whose snapshots differ are loaded. The runs may be of different pipelines and in
    different stores; steps are paired by their labels, in order.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def double(n: int): return 2 * n
    >>> pipeline = pf.Pipeline.from_functions("doubling", double)
    >>> runs = [pipeline.start({"n": n}, state="memory:compared") for n in (1, 2)]
    >>> outputs = [run.finish() for run in runs]
    >>> compare_runs(*runs).variables
      variable   change before after
    0   double  changed      2     4
    1        n  changed      1     2
    """
    from pforge_lab.runs.diff import difference  # noqa: PLC0415 - loads pandas

    return Comparison(
        a=summary_of(a),
        b=summary_of(b),
        params=_of_params(a, b),
        steps=_of_steps(a.history, b.history),
        variables=difference(a.at(a.position), b.at(b.position)),
    )


def _of_params(a: Readable, b: Readable) -> pd.DataFrame:
    from pforge_lab.runs.diff import difference  # noqa: PLC0415 - loads pandas

    found = difference(a.at(0), b.at(0))
    return found[found["variable"].isin(a.param_names | b.param_names)].reset_index(drop=True)


def _of_steps(a: Sequence[StepRecord], b: Sequence[StepRecord]) -> pd.DataFrame:
    rows = [_row(left, right) for left, right in _pairs(a, b)]
    frame = pd.DataFrame(rows, columns=list(STEP_COLUMNS), dtype=object)
    return frame.astype(
        {"peak_a": "Int64", "peak_b": "Int64", "seconds_a": "float64", "seconds_b": "float64"}
    )


def _pairs(
    a: Sequence[StepRecord], b: Sequence[StepRecord]
) -> Iterator[tuple[StepRecord | None, StepRecord | None]]:
    """Yield records of the same label together, in the order of both."""
    labels = [record.label for record in a], [record.label for record in b]
    for tag, i, end_i, j, end_j in SequenceMatcher(None, *labels, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from zip(a[i:end_i], b[j:end_j], strict=True)
        else:
            yield from ((record, None) for record in a[i:end_i])
            yield from ((None, record) for record in b[j:end_j])


def _row(left: StepRecord | None, right: StepRecord | None) -> list[Any]:
    either = left or right
    assert either is not None  # noqa: S101 - a pair has one at least
    sides = (left, right)
    same = left is None or right is None or left.code == right.code
    return [
        either.label,
        *(record and record.status for record in sides),
        *(record.seconds if record else None for record in sides),
        *(record.memory.peak if record and record.memory else None for record in sides),
        "" if same else "differs",
    ]
