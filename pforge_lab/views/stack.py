"""What a memory chart stacks up for every step, as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pforge_lab.views.palette import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

MB = 10**6
OTHERS = "other variables"
_WORTH_TELLING = 0.05


@dataclass(slots=True)
class Stack:
    """The layers of a memory chart in MB, one value per position.

    Attributes
    ----------
    positions, labels
        Of the steps, in order.
    baseline
        Interpreter, libraries and what else was resident before the first step.
    variables
        Each variable after the step, in order of first appearance. Beyond the number of colours
        the smaller ones are one layer, ``other variables``.
    rest
        Resident after the step and in no variable: freed but not returned to the system, or
        held elsewhere.
    peaks
        Highest resident memory within the step.
    exact
        Whether the peak is certain.
    dead
        By variable: at which positions no later step reads it.
    approx
        Variables whose bytes come from a sample.
    """

    positions: NDArray[np.int64]
    labels: list[str]
    baseline: NDArray[np.float64]
    variables: dict[str, NDArray[np.float64]]
    rest: NDArray[np.float64]
    peaks: NDArray[np.float64]
    exact: NDArray[np.bool_]
    dead: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    approx: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.labels)

    @property
    def highest(self) -> int:
        """The place, counted from 0, of the highest peak."""
        return int(np.argmax(self.peaks))

    @property
    def held(self) -> NDArray[np.float64]:
        """All variables together."""
        return np.sum(list(self.variables.values()), axis=0) if self.variables else np.zeros(len(self))

    @property
    def after(self) -> NDArray[np.float64]:
        """The height of the stack without what was temporary."""
        return self.baseline + self.held + self.rest

    def finding(self) -> str:
        """Say in one sentence where the peak is and what it is made of.

        Examples
        --------
        >>> import pandas as pd
        >>> memory = pd.DataFrame({"index": [1], "label": ["fit"], "before": [100_000_000],
        ...                        "peak": [970_000_000], "after": [360_000_000], "exact": [True]})
        >>> sizes = pd.DataFrame({"index": [1], "label": ["fit"], "variable": ["model"],
        ...                       "bytes": [250_000_000], "approx": [False]})
        >>> stack(memory, sizes).finding()
        'fit peaks at 970 MB: 250 MB in variables, 610 MB only within the step'
        """
        if not len(self):
            return "No step has been measured yet"
        place = self.highest
        peak = self.peaks[place]
        start = f"{self.labels[place]} peaks at {megabytes(peak)}" + ("" if self.exact[place] else " or more")
        dead = {name: layer[place] for name, layer in self.variables.items() if self._is_dead(name, place)}
        if sum(dead.values()) >= _WORTH_TELLING * peak:
            return (
                f"{start}, {megabytes(sum(dead.values()))} of it in {_named(list(dead))} no later step reads"
            )
        parts = [
            (self.held[place], "in variables"),
            (self.rest[place], "freed or in no variable"),
            (max(0.0, peak - self.after[place]), "only within the step"),
        ]
        told = [f"{megabytes(size)} {what}" for size, what in parts if size >= _WORTH_TELLING * peak]
        return f"{start}: {', '.join(told)}" if told else start

    def _is_dead(self, name: str, place: int) -> bool:
        return name in self.dead and bool(self.dead[name][place])


def stack(
    memory: pd.DataFrame,
    sizes: pd.DataFrame,
    dead: Mapping[int, Collection[str]] | None = None,
    names: Sequence[str] | None = None,
) -> Stack:
    """Turn the frames of a run into the layers of its chart; see ``plots.plot_memory``.

    ``names`` are the variables that get a layer of their own; by default those of `leading`.
    """
    measured = memory.dropna(subset=["peak"]).sort_values("index")
    positions = measured["index"].to_numpy(np.int64)
    known = sizes[sizes["index"].isin(positions)]
    table = (
        known.pivot_table(index="index", columns="variable", values="bytes", aggfunc="sum", sort=False)
        .reindex(positions)
        .fillna(0)
        / MB
    )
    variables = _layers(table, leading(known) if names is None else names)
    after = measured["after"].to_numpy(float) / MB
    held = np.sum(list(variables.values()), axis=0) if variables else np.zeros(len(positions))
    before = float(measured["before"].iloc[0]) / MB if len(positions) else 0.0
    inputs = float(sizes.loc[sizes["index"] == 0, "bytes"].sum()) / MB
    baseline = np.clip(after - held, 0, max(0.0, before - inputs))
    return Stack(
        positions,
        [str(label) for label in measured["label"]],
        baseline,
        variables,
        np.clip(after - held - baseline, 0, None),
        measured["peak"].to_numpy(float) / MB,
        measured["exact"].to_numpy(bool),
        _dead(positions, list(variables), dead or {}),
        frozenset(known.loc[known["approx"].astype(bool), "variable"]),
    )


def leading(*sizes: pd.DataFrame) -> list[str]:
    """Return the largest variables of one or more runs, in order of appearance, as many as there are colours."""
    largest = pd.concat(sizes).groupby("variable", sort=False)["bytes"].max()
    room = len(VARIABLES) if len(largest) <= len(VARIABLES) else len(VARIABLES) - 1
    chosen = set(largest.sort_values(ascending=False, kind="stable").index[:room])
    return [str(name) for name in largest.index if name in chosen]


def _layers(table: pd.DataFrame, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Keep the named variables, in order of appearance, and sum up the others."""
    layers = {name: table[name].to_numpy(float) for name in names if name in table.columns}
    others = [name for name in table.columns if name not in layers]
    if others:
        layers[f"{len(others)} {OTHERS}"] = table[others].sum(axis=1).to_numpy(float)
    return layers


def _dead(
    positions: NDArray[np.int64],
    names: list[str],
    dead: Mapping[int, Collection[str]],
) -> dict[str, NDArray[np.bool_]]:
    marks = {
        name: np.array([name in dead.get(int(place), ()) for place in positions], bool) for name in names
    }
    return {name: marked for name, marked in marks.items() if marked.any()}


def _named(names: list[str]) -> str:
    return f"{' and '.join(names)}, which" if len(names) <= 2 else f"{len(names)} variables that"


def megabytes(size: float) -> str:
    """Return a size in MB as charts print it.

    Examples
    --------
    >>> megabytes(1234.5), megabytes(3.21), megabytes(0.04)
    ('1,234 MB', '3.2 MB', '0.04 MB')
    """
    if size >= 10:
        return f"{size:,.0f} MB"
    return f"{size:.1f} MB" if size >= 0.1 or size == 0 else f"{size:.2g} MB"
