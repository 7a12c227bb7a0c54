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

import numpy as np
import pandas as pd

from pforge_lab.runs.dropping import dead_after_steps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.records import StepRecord

_MB = 10**6
_NOISE = 0.005  # of the peak: less is not worth advice


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
    owners: Mapping[int, Mapping[frozenset[str], int]] | None = None,
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
        By position: bytes by the variables that keep them alive (``Account.held``). Without it
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
    what_if = _WhatIf(dead, memory, sizes, owners)
    chosen = what_if.smallest()
    advice, dropped = [], frozenset[str]()
    before = what_if.peak(dropped)
    group: tuple[str, ...] = ()
    while chosen - dropped:
        name = min(sorted(chosen - dropped), key=lambda name: what_if.peak(dropped | {name}))
        dropped |= {name}
        group = (*group, name)
        after = what_if.peak(dropped)
        if before - after > _NOISE * before:
            positions = tuple(what_if.first[name] for name in group)
            labels = tuple(what_if.labels[place] for place in positions)
            advice.append(Advice(group, positions, labels, before, after, settled))
            before, group = after, ()
    return advice


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


class _WhatIf:
    """Peaks of the run had some of its variables been dropped as soon as they were dead."""

    def __init__(
        self,
        dead: Mapping[int, Collection[str]],
        memory: pd.DataFrame,
        sizes: pd.DataFrame,
        owners: Mapping[int, Mapping[frozenset[str], int]] | None,
    ) -> None:
        measured = memory.dropna(subset=["peak"]).sort_values("index")
        places = [int(place) for place in measured["index"]]
        self.labels = {place: str(label) for place, label in zip(places, measured["label"], strict=True)}
        self._peaks: NDArray[np.float64] = measured["peak"].to_numpy(float)
        self._earlier = [
            None,
            *places[:-1],
        ]  # what was held during a step is what was held after the one before
        self._held: dict[int, dict[str, tuple[int, int]]] = {}
        for place, name, size, reach in zip(
            sizes["index"], sizes["variable"], sizes["bytes"], sizes["reach"], strict=True
        ):
            self._held.setdefault(int(place), {})[str(name)] = (int(size), int(reach - size))
        self._shared = {
            place: sum(shared for _, shared in held.values()) for place, held in self._held.items()
        }
        self._owners = owners or {}
        self._dead = {
            place: frozenset(names) & self._held.get(place, {}).keys() for place, names in dead.items()
        }
        self.first = {
            name: place
            for place in sorted(self._dead, reverse=True)
            for name in self._dead[place]
            if place in self.labels
        }

    def peak(self, dropped: frozenset[str]) -> int:
        """Return the highest peak without these variables."""
        freed = [self._freed(place, dropped) for place in self._earlier]
        return int(np.max(self._peaks - freed)) if len(self._peaks) else 0

    def smallest(self) -> frozenset[str]:
        """Return the fewest variables found that bring the peak as low as dropping all dead ones.

        They are left out one by one, the smallest first, as long as the peak stays.
        """
        chosen = frozenset(self.first)
        best = self.peak(chosen)
        for name in sorted(chosen, key=lambda name: (self._largest(name), name)):
            if self.peak(chosen - {name}) <= best * (1 + _NOISE):
                chosen -= {name}
        return chosen

    def _freed(self, place: int | None, dropped: frozenset[str]) -> int:
        if place is None:
            return 0
        gone = dropped & self._dead.get(place, frozenset())
        if not gone:
            return 0
        if place in self._owners:
            return sum(size for names, size in self._owners[place].items() if names <= gone)
        held = self._held[place]
        kept_by_others = self._shared[place] - sum(held[name][1] for name in gone)
        return max(0, sum(held[name][0] for name in gone) - kept_by_others)

    def _largest(self, name: str) -> int:
        return max(held[name][0] for held in self._held.values() if name in held)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _mb(size: int) -> str:
    return f"{size / _MB:,.0f} MB"
