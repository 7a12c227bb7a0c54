"""Growth per repetition: a slope with a standard error, and what to make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pforge_lab.late import pd

if TYPE_CHECKING:
    from collections.abc import Sequence

REMAINDER = "in no variable"
_WORTH_TELLING = 1_000  # bytes per repetition: a page in four
_CERTAIN = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast something grows, in bytes per repetition.

    The median of the slopes between all pairs of repetitions (Theil and Sen): a single jump, as
    when a library is loaded on the way, hardly moves it and makes it uncertain.

    Attributes
    ----------
    growth
        The slope.
    error
        Its standard error: half the width of its 68 % interval.
    least
        What the slope exceeds almost certainly (three standard errors).

    Examples
    --------
    >>> Slope.of([100.0 * i for i in range(50)])
    Slope(growth=100.0, error=0.0, least=100.0)
    >>> Slope.of([0.0] * 45 + [5_000_000.0] * 15).growth
    0.0
    """

    growth: float
    error: float
    least: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Slope:
        """Return the slope of a value per repetition."""
        heights = np.asarray(values, float)
        count = len(heights)
        first, second = np.triu_indices(count, 1)
        slopes = np.sort((heights[second] - heights[first]) / (second - first))
        deviation = np.sqrt(count * (count - 1) * (2 * count + 5) / 18)  # of Kendall's S without ties

        def bound(errors: float) -> float:
            place = round((len(slopes) - 1 + errors * deviation) / 2)
            return float(slopes[min(max(place, 0), len(slopes) - 1)])

        return cls(float(np.median(slopes)), (bound(1) - bound(-1)) / 2, bound(-_CERTAIN))

    @property
    def certain(self) -> bool:
        """Whether it grows, beyond doubt and by more than a kilobyte."""
        return self.least > _WORTH_TELLING


class Growth:
    """What grew while a pipeline was repeated.

    Attributes
    ----------
    samples
        One row per repetition: ``repetition``, ``resident`` memory and each variable after it, in bytes.
    slopes
        `Slope` of each variable, and of what is ``in no variable``.

    Examples
    --------
    >>> samples = pd.DataFrame({"repetition": range(50), "resident": [10**8 + 3 * 10**5 * i for i in range(50)],
    ...                         "rows": [10**5 * i for i in range(50)]})
    >>> print(Growth("daily", samples).verdict)
    daily grows with every repetition (of 50): rows by 100 ± 0 kB, what is in no variable by 200 ± 0 kB
    """

    def __init__(self, pipeline: str, samples: pd.DataFrame) -> None:
        self._pipeline = pipeline
        self.samples = samples
        held = samples.drop(columns=["repetition", "resident"])
        parts = {str(name): held[name].fillna(0) for name in held}
        rest = samples["resident"] - held.fillna(0).sum(axis=1)
        self.slopes = {
            name: Slope.of(values.tolist()) for name, values in (parts | {REMAINDER: rest}).items()
        }

    @property
    def leaks(self) -> bool:
        """Whether anything grows, beyond doubt and by more than a kilobyte a repetition."""
        return any(slope.certain for slope in self.slopes.values())

    @property
    def verdict(self) -> str:
        """One sentence: what grows, by how much, or that nothing does."""
        count = f"(of {len(self.samples)})"
        growing = [
            f"{name if name != REMAINDER else 'what is ' + REMAINDER} by {_kilobytes(slope)}"
            for name, slope in self.slopes.items()
            if slope.certain
        ]
        if growing:
            return f"{self._pipeline} grows with every repetition {count}: {', '.join(growing)}"
        rest = self.slopes[REMAINDER]
        return f"{self._pipeline} does not grow with repetitions {count}: what is {REMAINDER} changes by {_kilobytes(rest)} each"

    @property
    def table(self) -> pd.DataFrame:
        """One row per variable, and one for the rest: ``variable growth standard_error grows``, in bytes a repetition."""
        rows = [(name, slope.growth, slope.error, slope.certain) for name, slope in self.slopes.items()]
        return pd.DataFrame(rows, columns=["variable", "growth", "standard_error", "grows"])

    def __repr__(self) -> str:
        """Return the verdict and the table as text."""
        return f"{self.verdict}\n{self.table.round().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{_escaped(self.verdict)}</p>{self.table.round().to_html(index=False)}"


def _kilobytes(slope: Slope) -> str:
    return f"{slope.growth / 1000:,.3g} ± {slope.error / 1000:.2g} kB"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
