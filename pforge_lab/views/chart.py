"""Drawing a stack of memory on axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from pforge_lab.values.format import shorten
from pforge_lab.views.labels import CHARACTER, FONT, Labels, Scale, number, words, wrapped
from pforge_lab.views.palette import (
    BASELINE,
    FREED,
    FREED_EDGE,
    INK,
    OTHERS as COLOUR_OF_OTHERS,
    PEAK,
    SEAM,
    TEMPORARY,
    colours,
)
from pforge_lab.views.stack import OTHERS, megabytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from numpy.typing import NDArray

    from pforge_lab.views.stack import Stack

FEW = 12  # steps that have room for a bar and a name each
_TICKS = 15
_ROUND = tuple(digit * 10**power for power in range(9) for digit in (1, 2, 5))
_DASHES = (0, (5, 3))
LEGEND_COLUMN = 150.0  # points
LEGEND: dict[str, Any] = {
    "frameon": False, "fontsize": FONT, "labelcolor": INK,
    "borderaxespad": 0.3, "handlelength": 1.4, "columnspacing": 1.4,
}  # fmt: skip
_SLANTED = 18  # characters of a label that stands aslant
_CROWDED = 30.0  # points between a peak and a line above it that the peak's name needs
_ABOVE = 1.16  # of the highest peak: room for its name
_NEAR = 1.6  # a limit higher than that many peaks would flatten the chart


class MemoryChart:
    """Bars for few steps, areas for many; every layer, mark and label of one stack.

    Parameters
    ----------
    axes, stack
        Where, and what.
    names
        Variables in the order of their colours; by default those of the stack. Charts beside each
        other have the same.

    Attributes
    ----------
    handles
        What a legend shows, once the chart is drawn.
    room_for_legend
        Points above the axes that its own legend takes.
    """

    def __init__(self, axes: Axes, stack: Stack, names: Sequence[str] | None = None) -> None:
        self.room_for_legend = 8.0
        self.handles: list[Artist] = []
        self._own: Annotation | None = None  # names the highest peak
        self._axes = axes
        self._stack = stack
        self._count = len(stack)
        self._places = np.arange(self._count)
        self._scale = Scale(axes, self._count)
        self._dense = self._count > FEW
        self._width = 1.0 if self._dense else 0.66
        own = [name for name in stack.variables if not name.endswith(OTHERS)]
        self._colours = colours(own if names is None else names)
        self._colours |= dict.fromkeys(stack.variables.keys() - set(own), COLOUR_OF_OTHERS)

    @property
    def characters(self) -> int:
        """How many characters of a title fit above the axes."""
        return max(20, int(self._scale.width / (CHARACTER * 1.28)))

    def draw(self, limit: float | None, *, legend: bool = True, top: float = 0.0) -> None:
        """Draw everything but the title; the scale reaches to ``top`` at least."""
        self._frame()
        if not self._count:
            return
        self._set_scale(limit, top)
        self._layers()
        self._peaks()
        if limit is not None:
            self._limit(limit)
        self._collect(Labels(self._axes, self._stack, self._colours, self._width).write(), limit)
        if legend:
            columns = max(1, int(self._scale.width / LEGEND_COLUMN))
            self._axes.legend(
                handles=self.handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, **LEGEND
            )
            self.room_for_legend = 8 + 13 * -(-len(self.handles) // columns)

    def compare(self, peak: float, name: str) -> None:
        """Draw a line at another run's peak; its name and that of the own peak keep out of each other's way."""
        gap = float(self._scale.high(peak - self._stack.peaks.max()))
        if self._own is not None and 0 <= gap < _CROWDED:
            self._own.set_position((0, 1.2 * gap + 6))  # above the line, however the layout turns out
        right = self._stack.highest < self._count / 2
        self._axes.axhline(peak, color=PEAK, linewidth=1.1, linestyle=_DASHES)
        self._axes.annotate(
            f"{number(peak)}  {name}",
            (float(right), peak),
            xycoords=("axes fraction", "data"),
            xytext=(-4 if right else 4, 3),
            textcoords="offset points",
            ha="right" if right else "left",
            color=PEAK,
            fontsize=FONT,
            parse_math=False,
        )

    # --- frame --------------------------------------------------------------------------------

    def _frame(self) -> None:
        axes = self._axes
        axes.set_facecolor("none")
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK)
        axes.tick_params(colors=INK, labelsize=FONT + 0.5)
        axes.set_ylabel("resident memory (MB)", color=INK, fontsize=FONT + 1)
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        axes.grid(axis="y", color=INK, alpha=0.22, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.set_xticks([])

    def _set_scale(self, limit: float | None, top: float) -> None:
        stack = self._stack
        top = max(stack.peaks.max(), stack.after.max(), top)
        if limit is not None and top < limit <= _NEAR * top:
            top = limit
        self._axes.set_ylim(0, max(top * _ABOVE, self._shared_top()))
        self._axes.set_xlim(-0.6, max(self._count, 2) - 0.4)
        if self._dense:
            every = next(step for step in _ROUND if step * _TICKS >= self._count)
            shown = [place for place in self._places if stack.positions[place] % every == 0]
            self._axes.set_xticks(shown, [str(stack.positions[place]) for place in shown])
            self._axes.set_xlabel("step", color=INK, fontsize=FONT + 1)
        else:
            self._name_steps()

    def _name_steps(self) -> None:
        """Write the steps' labels below their bars: on two lines, or aslant where a word would be broken."""
        labels, positions = self._stack.labels, self._stack.positions
        room = int(0.9 * self._scale.step / CHARACTER)
        slanted = any(len(word) > room for label in labels for word in words(label))
        style: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        names = [
            f"{place} {shorten(label, _SLANTED)}" if slanted else f"{place}\n{wrapped(label, room)}"
            for place, label in zip(positions, labels, strict=True)
        ]
        self._axes.set_xticks(self._places, names, parse_math=False, **style)
        self._axes.tick_params(axis="x", length=0)

    def _shared_top(self) -> float:
        """Return the top of charts drawn before on the same scale, as when two runs stand side by side."""
        others = self._axes.get_shared_y_axes().get_siblings(self._axes)
        return max((other.get_ylim()[1] for other in others if other.has_data()), default=0.0)

    # --- layers -------------------------------------------------------------------------------

    def _layers(self) -> None:
        stack, floor = self._stack, np.zeros(self._count)
        self._layer(stack.baseline, floor, color=BASELINE)
        floor = floor + stack.baseline
        for name, heights in stack.variables.items():
            dead = stack.dead.get(name, np.zeros(self._count, bool))
            self._layer(np.where(dead, 0, heights), floor, color=self._colours[name])
            self._layer(np.where(dead, heights, 0), floor, color=self._colours[name], hatch="////")
            floor = floor + heights
        self._layer(stack.rest, floor, color=FREED, edge=FREED_EDGE)
        floor = floor + stack.rest
        self._layer(np.clip(stack.peaks - floor, 0, None), floor, color=TEMPORARY, edge="none")

    def _layer(
        self,
        heights: NDArray[Any],
        floor: NDArray[Any],
        *,
        color: str,
        edge: str = SEAM,
        hatch: str | None = None,
    ) -> None:
        there = heights > 0
        if not there.any():
            return
        style: dict[str, Any] = {"facecolor": color, "edgecolor": edge, "hatch": hatch}
        if self._dense:
            edges = np.arange(self._count + 1) - 0.5
            tops, floors = np.where(there, floor + heights, np.nan), np.where(there, floor, np.nan)
            self._axes.stairs(tops, edges, baseline=floors, fill=True, linewidth=0.5, **style)
        else:
            self._axes.bar(
                self._places[there],
                heights[there],
                self._width,
                floor[there],
                linewidth=0.8,
                **style,
            )

    # --- marks --------------------------------------------------------------------------------

    def _peaks(self) -> None:
        stack = self._stack
        half = self._width / 2
        for certain, line in ((True, (0, ())), (False, (0, (2, 1)))):
            there = stack.exact == certain
            self._axes.hlines(
                stack.peaks[there],
                self._places[there] - half,
                self._places[there] + half,
                colors=PEAK,
                linewidth=1.4 if self._dense else 2,
                linestyles=line,
            )
        self._name_highest()

    def _name_highest(self) -> None:
        stack, place = self._stack, self._stack.highest
        bound = "" if stack.exact[place] else "≥ "
        where = f" in {stack.labels[place]}" if self._dense else ""
        share = place / (self._count - 1) if self._dense else 0.5
        side, corner = ("left", 0.0) if share < 0.12 else ("right", 1.0) if share > 0.88 else ("center", 0.5)
        self._own = self._axes.annotate(
            f"peak {bound}{megabytes(stack.peaks[place])}{where}",
            (place, stack.peaks[place]),
            xytext=(0, 15),
            textcoords="offset points",
            ha=side,
            color=PEAK,
            fontweight="bold",
            fontsize=FONT + 1,
            arrowprops={
                "arrowstyle": "-|>",
                "color": PEAK,
                "relpos": (corner, 0),
                "shrinkA": 0,
                "shrinkB": 2,
            },
            parse_math=False,
        )

    def _limit(self, limit: float) -> None:
        """Draw a line at the limit, or leave it to the legend when it is far above the chart."""
        if limit > self._axes.get_ylim()[1]:
            return
        self._axes.axhline(limit, color=INK, linewidth=1.2, linestyle=_DASHES)
        self._axes.annotate(
            f"limit {megabytes(limit)}",
            (1, limit),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            color=INK,
            fontsize=FONT,
        )

    def _collect(self, names: list[str], limit: float | None) -> None:
        """Collect what the legend shows: the layers that there are, and variables without room for their name."""
        stack = self._stack
        handles: list[Artist] = [Patch(color=BASELINE, label="interpreter + libraries")]
        handles += [
            Patch(color=self._colours[name], label=f"{name} {number(stack.variables[name].max())}")
            for name in names
        ]
        if stack.dead:
            handles.append(Patch(facecolor=INK, edgecolor=SEAM, hatch="////", label="no later step reads it"))
        if stack.rest.any():
            handles.append(Patch(facecolor=FREED, edgecolor=FREED_EDGE, label="freed, or in no variable"))
        if (stack.peaks > stack.after).any():
            handles.append(Patch(facecolor=TEMPORARY, label="only within the step"))
        if stack.exact.any():
            handles.append(Line2D([], [], color=PEAK, linewidth=2, label="peak within the step"))
        if not stack.exact.all():
            line = Line2D([], [], color=PEAK, linewidth=2, linestyle=(0, (2, 1)), label="peak, at least")
            handles.append(line)
        if limit is not None and limit > self._axes.get_ylim()[1]:
            far = f"limit {megabytes(limit)}, above the chart"
            handles.append(Line2D([], [], color=INK, linewidth=1.2, linestyle=_DASHES, label=far))
        self.handles = handles
