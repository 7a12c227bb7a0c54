"""Names written where they belong: into the layers of a memory chart, or beside its last step."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pforge_lab.views.palette import BASELINE, INK, text_on
from pforge_lab.views.stack import megabytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from pforge_lab.views.stack import Stack

    _Spot = tuple[float, float, str]

FONT = 8
LINE = 11.0  # points that a line of text takes
CHARACTER = 5.1  # points that a character takes, about
_VISIBLE = 1.0  # points: a layer that is nowhere as high as that need not be named


class Scale:
    """Points on paper, about: the layout of a figure is not known before it is drawn."""

    def __init__(self, axes: Axes, steps: int) -> None:
        self._axes = axes
        self._steps = max(steps, 2)

    @property
    def width(self) -> float:
        """Width of the axes in points."""
        box = self._axes.get_window_extent()
        return 72 * box.width / self._axes.figure.dpi

    @property
    def step(self) -> float:
        """Width of one step in points."""
        return self.width / self._steps

    def high(self, size: Any) -> Any:
        """Return the height of so many MB in points."""
        box = self._axes.get_window_extent()
        return 0.85 * 72 * box.height / self._axes.figure.dpi * size / self._axes.get_ylim()[1]


class Labels:
    """Writes the names and sizes of variables.

    Parameters
    ----------
    axes, stack, colours
        Where, what, and the colour of each variable.
    bar
        Width of a bar as a share of its step; 1 when steps touch, so that a name may span several.
    """

    def __init__(self, axes: Axes, stack: Stack, colours: Mapping[str, str], bar: float) -> None:
        self._axes = axes
        self._stack = stack
        self._colours = colours
        self._bar = bar
        self._scale = Scale(axes, len(stack))

    def write(self) -> list[str]:
        """Write names into their layers or beside the last step; return those without room."""
        floor = np.zeros(len(self._stack))
        beside: list[tuple[float, str, str]] = []
        left = []
        layers = {"Python": self._stack.baseline, **self._stack.variables}
        for name, heights in layers.items():
            text = ("≈" if name in self._stack.approx else "") + number(heights.max())
            colour = self._colours.get(name, BASELINE)
            if not self._write_inside(name, text, heights, floor, colour):
                if heights[-1] > 0 and self._scale.high(heights[-1]) > _VISIBLE:
                    beside.append((floor[-1] + heights[-1] / 2, f"{name} {text}", colour))
                elif name != "Python" and self._scale.high(heights.max()) > _VISIBLE:
                    left.append(name)
            floor = floor + heights
        self._write_beside(beside)
        return left

    def _write_inside(
        self,
        name: str,
        text: str,
        heights: NDArray[Any],
        floor: NDArray[Any],
        colour: str,
    ) -> bool:
        found = (self._across if self._bar == 1 else self._in_bar)(name, text, heights, floor)
        if found is None:
            return False
        x, y, label = found
        self._axes.text(
            x,
            y,
            label,
            ha="center",
            va="center",
            color=text_on(colour),
            fontsize=FONT,
            linespacing=1.1,
            parse_math=False,
        )
        return True

    def _in_bar(self, name: str, text: str, heights: NDArray[Any], floor: NDArray[Any]) -> _Spot | None:
        """Find the first bar that is high enough for the name, on two lines or on one."""
        room = self._scale.step * self._bar
        high = self._scale.high(heights)
        two = (high >= 2 * LINE) & (max(len(name), len(text)) * CHARACTER <= room)
        one = (high >= LINE) & ((len(name) + 1 + len(text)) * CHARACTER <= room)
        if not (two | one).any():
            return None
        place = int(np.flatnonzero(two | one)[0])
        return place, floor[place] + heights[place] / 2, f"{name}\n{text}" if two[place] else f"{name} {text}"

    def _across(self, name: str, text: str, heights: NDArray[Any], floor: NDArray[Any]) -> _Spot | None:
        """Find where the layer is thickest over the width of the name."""
        label = f"{name} {text}"
        steps = int(len(label) * CHARACTER / self._scale.step) + 1
        if steps > len(self._stack):
            return None
        below = sliding_window_view(floor, steps).max(axis=1)
        above = sliding_window_view(floor + heights, steps).min(axis=1)
        start = int(np.argmax(above - below))
        if self._scale.high(above[start] - below[start]) < LINE:
            return None
        return start + (steps - 1) / 2, (below[start] + above[start]) / 2, label

    def _write_beside(self, labels: list[tuple[float, str, str]]) -> None:
        """Write names to the right of the last step, moved apart where they would touch."""
        gap = LINE / max(self._scale.high(1.0), 1e-9)
        previous = -np.inf
        edge = len(self._stack) - 1 + self._bar / 2
        for height, text, colour in labels:
            previous = max(height, previous + gap)
            self._axes.annotate(
                text,
                (edge, height),
                xytext=(9, self._scale.high(previous - height)),
                textcoords="offset points",
                va="center",
                color=INK,
                fontsize=FONT,
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 1.2, "shrinkA": 1, "shrinkB": 0},
                annotation_clip=False,
                parse_math=False,
            )


def number(size: float) -> str:
    """Return a size in MB without its unit.

    Examples
    --------
    >>> number(1234.5)
    '1,234'
    """
    return megabytes(size).removesuffix(" MB")


def words(label: str) -> list[str]:
    """Return the parts of a step's label that a line may end after.

    Examples
    --------
    >>> words("join_the-weather now")
    ['join_', 'the-', 'weather', 'now']
    """
    return label.replace("_", "_ ").replace("-", "- ").split()


def wrapped(label: str, room: int) -> str:
    r"""Break a step's label at its underscores or anywhere, into two lines at most.

    Examples
    --------
    >>> wrapped("join_the_weather", 10)
    'join_the_\nweather'
    """
    lines = textwrap.wrap(" ".join(words(label)), max(3, room)) or [""]
    lines = [line.replace("_ ", "_").replace("- ", "-") for line in lines]
    if len(lines) > 2:
        lines = [lines[0], lines[1][: max(2, room - 1)] + "…"]
    return "\n".join(lines)
