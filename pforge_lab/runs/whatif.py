"""What a run's memory would have been had some of its variables been dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd
    from numpy.typing import NDArray

NOISE = 0.005  # of the peak: less is not worth advice


class WhatIf:
    """A run had some of its variables been dropped as soon as they were dead.

    Parameters
    ----------
    dead, memory, sizes, owners
        As `advise` takes them.

    Attributes
    ----------
    first
        By variable: the first position after which it is dead.
    labels
        Of the steps, by position.
    """

    def __init__(
        self,
        dead: Mapping[int, Collection[str]],
        memory: pd.DataFrame,
        sizes: pd.DataFrame,
        owners: Mapping[int, Mapping[tuple[str, ...], int]] | None,
    ) -> None:
        self._memory, self._sizes = memory, sizes
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
            if self.peak(chosen - {name}) <= best * (1 + NOISE):
                chosen -= {name}
        return chosen

    def frames(self, dropped: frozenset[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the run's ``memory`` and ``sizes`` without these variables."""
        freed = {place: self._freed(place, dropped) for place in self.labels}
        during = dict(zip(self.labels, (freed.get(place or 0, 0) for place in self._earlier), strict=True))
        memory, sizes = self._memory.copy(), self._sizes
        for column, less in (("before", during), ("peak", during), ("after", freed)):
            memory[column] -= [less.get(int(place), 0) for place in memory["index"]]
        gone = [
            name in dropped and name in self._dead.get(int(place), ())
            for place, name in zip(sizes["index"], sizes["variable"], strict=True)
        ]
        return memory, sizes[~np.array(gone, bool)]

    def _freed(self, place: int | None, dropped: frozenset[str]) -> int:
        if place is None:
            return 0
        gone = dropped & self._dead.get(place, frozenset())
        if not gone:
            return 0
        if place in self._owners:
            return sum(size for names, size in self._owners[place].items() if gone.issuperset(names))
        held = self._held[place]
        kept_by_others = self._shared[place] - sum(held[name][1] for name in gone)
        return max(0, sum(held[name][0] for name in gone) - kept_by_others)

    def _largest(self, name: str) -> int:
        return max(held[name][0] for held in self._held.values() if name in held)
