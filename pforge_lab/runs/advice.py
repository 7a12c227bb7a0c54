"""What dropping dead variables would do to the peak, from what a run recorded.

A variable is dead after a step when no later step reads it and it is no result. Dropping it then
lowers every later peak by the memory that nothing else keeps alive. The prediction holds when
freed memory is returned to the system at each drop (dropping alone can even raise the peak,
because the allocator keeps what was freed), so it is exact for a run that returned it between
steps, and an upper bound of the gain for any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pforge_lab.late import pd
from pforge_lab.runs.dropping import dead_after_steps
from pforge_lab.runs.whatif import NOISE, WhatIf

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.records import StepRecord

_MB = 10**6
_NAMED = 3  # more names do not fit a title


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to drop, and what it does to the peak once the advice before it is followed.

    Attributes
    ----------
    variables
        What to drop: several when they share memory, so that one alone frees nothing.
    positions, steps
        After which each of them is dead, and the labels of those steps.
    before, after
        The run's peak in bytes without and with the drop.
    settled
        Whether the recorded run returned freed memory between steps; if not, ``after`` is what
        the peak falls to at best.
    """

    variables: tuple[str, ...]
    positions: tuple[int, ...]
    steps: tuple[str, ...]
    before: int
    after: int
    settled: bool

    def __str__(self) -> str:
        """Return the advice as one sentence."""
        many = len(self.variables) > 1
        places = [f"step {place} ({label})" for place, label in zip(self.positions, self.steps, strict=True)]
        subject = (
            f"{_listed(self.variables)} {'are' if many else 'is'} dead after {_listed(dict.fromkeys(places))}"
        )
        action = f"dropping {'them' if many else 'it'} and returning freed memory"
        if self.settled:
            return f"{subject}; {action} takes the peak from {_mb(self.before)} to {_mb(self.after)}"
        return f"{subject}; {action} lowers the peak of {_mb(self.before)} by up to {_mb(self.before - self.after)}"


def advise(
    dead: Mapping[int, Collection[str]],
    memory: pd.DataFrame,
    sizes: pd.DataFrame,
    *,
    owners: Mapping[int, Mapping[tuple[str, ...], int]] | None = None,
    settled: bool = False,
) -> list[Advice]:
    """Return a smallest set of drops that reaches the best peak, the most effective first.

    Parameters
    ----------
    dead
        By position: variables that are dead after it; see ``dead_by_position``.
    memory
        One row per position: ``index label peak``, in bytes.
    sizes
        One row per position and variable: ``index variable bytes reach``.
    owners
        By position: bytes by the variables that keep them alive (``StepRecord.owners``). Without it
        what is shared with a variable that stays is taken as kept, so that the gain is never
        promised too high.
    settled
        Whether the run returned freed memory between its steps.

    Examples
    --------
    >>> memory = pd.DataFrame({"index": [1, 2, 3], "label": ["load", "clean", "fit"],
    ...                        "peak": [300_000_000, 500_000_000, 700_000_000]})
    >>> sizes = pd.DataFrame({"index": [1, 2, 2], "variable": ["raw", "raw", "tidy"],
    ...                       "bytes": [200_000_000, 200_000_000, 190_000_000],
    ...                       "reach": [200_000_000, 200_000_000, 190_000_000]})
    >>> for advice in advise({2: {"raw"}}, memory, sizes, settled=True):
    ...     print(advice)
    raw is dead after step 2 (clean); dropping it and returning freed memory takes the peak from 700 MB to 500 MB
    """
    what_if = WhatIf(dead, memory, sizes, owners)
    chosen = what_if.smallest()
    advice, dropped = [], frozenset[str]()
    before = what_if.peak(dropped)
    group: tuple[str, ...] = ()
    while chosen - dropped:
        name = min(sorted(chosen - dropped), key=lambda name: what_if.peak(dropped | {name}))
        dropped |= {name}
        group = (*group, name)
        after = what_if.peak(dropped)
        if before - after > NOISE * before:
            positions = tuple(what_if.first[name] for name in group)
            labels = tuple(what_if.labels[place] for place in positions)
            advice.append(Advice(group, positions, labels, before, after, settled))
            before, group = after, ()
    return advice


@dataclass(frozen=True, slots=True)
class Prediction:
    """The run as it would be with all advice followed.

    Attributes
    ----------
    memory, sizes
        The run's frames then.
    finding
        What is done and what it comes to, in one sentence.
    done
        What is done, in a few words.
    """

    memory: pd.DataFrame
    sizes: pd.DataFrame
    finding: str
    done: str


def predict(
    advice: Sequence[Advice],
    dead: Mapping[int, Collection[str]],
    memory: pd.DataFrame,
    sizes: pd.DataFrame,
    owners: Mapping[int, Mapping[tuple[str, ...], int]] | None = None,
) -> Prediction | None:
    """Return the run with the advice followed, or None where there is none. Parameters as `advise`.

    Examples
    --------
    >>> advice = [Advice(("raw",), (2,), ("clean",), 700_000_000, 500_000_000, settled=True)]
    >>> memory = pd.DataFrame({"index": [2, 3], "label": ["clean", "fit"], "before": [9e8, 9e8],
    ...                        "peak": [9e8, 7e8], "after": [9e8, 6e8]})
    >>> sizes = pd.DataFrame({"index": [2], "variable": ["raw"], "bytes": [2e8], "reach": [2e8]})
    >>> prediction = predict(advice, {2: {"raw"}}, memory, sizes)
    >>> print(prediction.finding)
    Dropping raw after step 2 and returning freed memory takes the peak from 700 to 500 MB
    >>> prediction.memory["peak"].tolist()
    [900000000.0, 500000000.0]
    """
    if not advice:
        return None
    names = [name for one in advice for name in one.variables]
    places = sorted({place for one in advice for place in one.positions})
    what = _listed(names) if len(names) <= _NAMED else f"{len(names)} variables"
    where = f"step{'s' if len(places) > 1 else ''} {_listed(map(str, places))}"
    when = f"after {where}" if len(places) <= _NAMED else "when they are dead"
    before, after = advice[0].before, advice[-1].after
    comes_to = f"takes the peak from {_mb(before).removesuffix(' MB')} to {_mb(after)}"
    if not advice[0].settled:
        comes_to = f"lowers the peak of {_mb(before)} by up to {_mb(before - after)}"
    return Prediction(
        *WhatIf(dead, memory, sizes, owners).frames(frozenset(names)),
        f"Dropping {what} {when} and returning freed memory {comes_to}",
        f"{what} dropped {when}, freed memory returned",
    )


def advice_frame(advice: Iterable[Advice]) -> pd.DataFrame:
    """Return advice as a table: ``variables after_step peak_before peak_after saves advice``, in bytes."""
    rows = [
        (
            ", ".join(one.variables),
            max(one.positions),
            one.before,
            one.after,
            one.before - one.after,
            str(one),
        )
        for one in advice
    ]
    columns = ["variables", "after_step", "peak_before", "peak_after", "saves", "advice"]
    return pd.DataFrame(rows, columns=columns)


def dead_by_position(
    pipeline: Pipeline,
    records: Sequence[StepRecord],
    keep: Collection[str] = (),
) -> dict[int, frozenset[str]]:
    """Return the variables that are dead after each position and not written since.

    After an edit, and after the last step, what was dead before still is.
    """
    dead: dict[int, frozenset[str]] = {}
    after = dead_after_steps(pipeline, keep)
    before: frozenset[str] = frozenset()
    for record in records:
        last = record.step is None or record.step == len(pipeline.steps)
        now = frozenset() if record.step is None else after[record.step - 1]
        before = (before - set(record.changed)) | now if last else now
        dead[record.index] = before
    return dead


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _mb(size: int) -> str:
    return f"{size / _MB:,.0f} MB"
