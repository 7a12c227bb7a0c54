"""What a memory chart stacks up for every step, as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.views.palette import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Columns = pd.DataFrame | Mapping[str, Sequence[Any]]

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
    memory: Columns,
    sizes: Columns,
    dead: Mapping[int, Collection[str]] | None = None,
    names: Sequence[str] | None = None,
) -> Stack:
    """Turn the columns of a run's frames into the layers of its chart; see ``plots.plot_memory``.

    ``names`` are the variables that get a layer of their own; by default those of `leading`.
    """
    peaks = _numbers(memory["peak"])
    order = np.argsort(np.asarray(memory["index"], np.int64), kind="stable")
    order = order[~np.isnan(peaks[order])]
    positions = np.asarray(memory["index"], np.int64)[order]
    labels = list(memory["label"])
    places = {int(position): place for place, position in enumerate(positions)}
    held_by: dict[str, NDArray[np.float64]] = {}
    approx, inputs = set(), 0.0
    for position, variable, size, is_approx in zip(
        sizes["index"], sizes["variable"], _numbers(sizes["bytes"]), sizes["approx"], strict=True
    ):
        inputs += size / MB if position == 0 else 0
        if int(position) in places:
            held_by.setdefault(str(variable), np.zeros(len(positions)))[places[int(position)]] += size / MB
            if is_approx:
                approx.add(str(variable))
    variables = _layers(held_by, _largest(held_by) if names is None else names)
    after = _numbers(memory["after"])[order] / MB
    held = np.sum(list(variables.values()), axis=0) if variables else np.zeros(len(positions))
    before = float(_numbers(memory["before"])[order][0]) / MB if len(positions) else 0.0
    baseline = np.clip(after - held, 0, max(0.0, before - inputs))
    return Stack(
        positions,
        [str(labels[place]) for place in order],
        baseline,
        variables,
        np.clip(after - held - baseline, 0, None),
        peaks[order] / MB,
        np.asarray(memory["exact"], bool)[order],
        _dead(positions, list(variables), dead or {}),
        frozenset(approx),
    )


def _numbers(column: Any) -> NDArray[np.float64]:
    """Return a column of a frame, or a list, as numbers; what is missing is no number."""
    if hasattr(column, "to_numpy"):
        found: NDArray[np.float64] = column.to_numpy(float, na_value=np.nan)
        return found
    return np.array([np.nan if value is None else value for value in column], float)


def leading(*sizes: Columns) -> list[str]:
    """Return the largest variables of one or more runs, in order of appearance, as many as there are colours."""
    held_by: dict[str, list[float]] = {}
    for columns in sizes:
        for variable, size in zip(columns["variable"], _numbers(columns["bytes"]), strict=True):
            held_by.setdefault(str(variable), []).append(float(size))
    return _largest(held_by)


def _largest(held_by: Mapping[str, Sequence[float] | NDArray[np.float64]]) -> list[str]:
    largest = {name: float(np.max(sizes)) for name, sizes in held_by.items()}
    room = len(VARIABLES) if len(largest) <= len(VARIABLES) else len(VARIABLES) - 1
    chosen = sorted(largest, key=lambda name: -largest[name])[:room]
    return [name for name in largest if name in chosen]


def _layers(
    held_by: Mapping[str, NDArray[np.float64]], names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Keep the named variables, in order of appearance, and sum up the others."""
    layers = {name: held_by[name] for name in names if name in held_by}
    others = [held for name, held in held_by.items() if name not in layers]
    if others:
        layers[f"{len(others)} {OTHERS}"] = np.sum(others, axis=0)
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
