"""The memory chart of a run, on matplotlib figures that belong to nobody else.

Figures are made without pyplot, so drawing one changes no global state and is safe in callbacks
of widgets. Jupyter shows figures of pyplot only; therefore the axes returned here carry their
own picture (``MemoryAxes``): as the last expression of a cell they show the chart.
"""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pforge_lab.views.chart import FEW, LEGEND, LEGEND_COLUMN, MemoryChart
from pforge_lab.views.palette import INK
from pforge_lab.views.stack import MB, leading, megabytes, stack

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

    from pforge_lab.views.stack import Columns

_HEIGHT = 4.6
_NARROW, _WIDE = 5.5, 10.0
_SHOWN_DPI = 96
_SHARPER = 2
_TITLE_CHARACTER = 7.6  # points


class MemoryAxes(Axes):
    """Axes that a notebook shows as the picture of their figure."""

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the picture at twice the resolution it is shown in, and its title as text."""
        finding = self.get_title(loc="left").replace("\n", " ")
        text: dict[str, Any] = {"text/plain": f"<MemoryAxes: {finding}>"}
        figure = self.get_figure(root=True)
        if figure is None:  # removed from its figure: there is no picture any more
            return text, {}
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_SHARPER * _SHOWN_DPI)
        width, height = (int(inches * _SHOWN_DPI) for inches in figure.get_size_inches())
        return text | {"image/png": buffer.getvalue()}, {"image/png": {"width": width, "height": height}}


@dataclass(frozen=True, slots=True)
class Panel:
    """What one chart shows, for two of them on one scale.

    Attributes
    ----------
    memory, sizes, dead
        As `plot_memory` takes them.
    title
        Above the chart.
    """

    memory: pd.DataFrame
    sizes: pd.DataFrame
    title: str
    dead: Mapping[int, Collection[str]] = field(default_factory=dict)


def plot_memory(
    memory: Columns,
    sizes: Columns,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    limit: int | None = None,
    dead: Mapping[int, Collection[str]] | None = None,
) -> Axes:
    """Draw what was resident after each step, what it consisted of, and the peak within the step.

    Parameters
    ----------
    memory
        One row per position with columns ``index label before peak after exact``, in bytes, as
        ``run.memory`` has them: a frame, or a list under each name. Rows without a peak are left out.
    sizes
        One row per position and variable with columns ``index variable bytes approx``, as
        ``run.variable_sizes`` has them.
    ax
        Axes to draw on; by default those of a new, transparent figure.
    title
        By default the finding: where the peak is and what it is made of.
    limit
        Bytes that the process may use, drawn as a line when it is near.
    dead
        By position: variables that no later step reads. They are hatched.

    Returns
    -------
    Axes
        ``ax``, or new axes that Jupyter shows as a picture. ``axes.figure.savefig(path)`` keeps
        it. Takes 0.1 s, and 0.5 s more for the first chart of a process.

    Examples
    --------
    >>> import pandas as pd
    >>> memory = pd.DataFrame({"index": [1, 2], "label": ["load", "fit"], "before": [80e6, 120e6],
    ...                        "peak": [200e6, 410e6], "after": [120e6, 150e6], "exact": [True, True]})
    >>> sizes = pd.DataFrame({"index": [1, 2], "label": ["load", "fit"], "variable": ["raw", "raw"],
    ...                       "bytes": [40e6, 40e6], "approx": [False, False]})
    >>> print(plot_memory(memory, sizes).get_title(loc="left"))
    fit peaks at 410 MB: 40 MB in variables, 30 MB
    freed or in no variable, 260 MB only within the
    step
    """
    layers = stack(memory, sizes, dead)
    axes = _new_axes(len(layers)) if ax is None else ax
    chart = MemoryChart(axes, layers)
    chart.draw(None if limit is None else limit / MB)
    _entitle(axes, chart, title or layers.finding())
    return axes


def plot_both(
    left: Panel,
    right: Panel,
    finding: str | None = None,
    *,
    limit: int | None = None,
    mark: str | None = None,
) -> Axes:
    """Draw two charts on one scale: side by side, or one above the other when there are many steps.

    Variables have the same colours in both.

    Parameters
    ----------
    left, right
        What to show, such as a run as it was and as it would be, or two runs.
    finding
        Title of both; by default which peaks higher, and by how much.
    limit
        As `plot_memory` takes it.
    mark
        Name of the line in the second chart at the first one's peak; ``peak of`` its title by default.

    Returns
    -------
    Axes
        The first chart's; Jupyter shows both.
    """
    names = leading(left.sizes, right.sizes)
    stacks = [stack(panel.memory, panel.sizes, panel.dead, names) for panel in (left, right)]
    few = max(map(len, stacks)) <= FEW
    figure = Figure(
        figsize=(_WIDE, _HEIGHT if few else 1.7 * _HEIGHT), layout="constrained", facecolor="none"
    )
    rows, columns = (1, 2) if few else (2, 1)
    first = figure.add_subplot(rows, columns, 1, axes_class=MemoryAxes)
    second = figure.add_subplot(rows, columns, 2, axes_class=MemoryAxes, sharey=first)
    top = max((float(peak) for layers in stacks for peak in layers.peaks), default=0.0)
    charts = [MemoryChart(axes, layers, names) for axes, layers in zip((first, second), stacks, strict=True)]
    for axes, chart, panel in zip((first, second), charts, (left, right), strict=True):
        chart.draw(None if limit is None else limit / MB, legend=False, top=top)
        _entitle(axes, chart, panel.title)
    if len(stacks[0]):
        charts[1].compare(float(stacks[0].peaks.max()), mark or f"peak of {left.title}")
    _head(figure, finding or _compared(left, right), charts)
    return first


def _compared(left: Panel, right: Panel) -> str:
    peaks = [panel.memory["peak"].max() / MB for panel in (left, right)]
    if any(peak != peak for peak in peaks):  # noqa: PLR0124 - NaN: nothing was measured
        return f"{left.title} and {right.title}: not both have been measured"
    more = peaks[1] - peaks[0]
    if megabytes(peaks[0]) == megabytes(peaks[1]):
        return f"{left.title} and {right.title} both peak at {megabytes(peaks[0])}"
    how = f"{megabytes(abs(more))} {'higher' if more > 0 else 'lower'}"
    return f"{right.title} peaks {how} than {left.title}: {megabytes(peaks[1])} against {megabytes(peaks[0])}"


def _head(figure: Figure, finding: str, charts: list[MemoryChart]) -> None:
    """Put one title above both charts, and one legend below them."""
    figure.suptitle(
        _wrapped(finding, int(72 * _WIDE / _TITLE_CHARACTER)),
        x=0.01,
        ha="left",
        color=INK,
        fontweight="bold",
        fontsize=12,
        parse_math=False,
    )
    handles = {handle.get_label(): handle for chart in reversed(charts) for handle in chart.handles}
    order = {handle.get_label(): None for chart in charts for handle in chart.handles}
    figure.legend(
        handles=[handles[label] for label in order],
        loc="outside lower left",
        ncols=int(72 * _WIDE / LEGEND_COLUMN),
        **LEGEND,
    )


def _entitle(axes: Axes, chart: MemoryChart, title: str) -> None:
    axes.set_title(
        _wrapped(title, chart.characters),
        loc="left",
        pad=chart.room_for_legend,
        color=INK,
        fontweight="bold",
        fontsize=10.5,
        parse_math=False,
    )


def _wrapped(title: str, characters: int) -> str:
    """Break a title between words, but not between a number and its unit."""
    lines = textwrap.wrap(title.replace(" MB", "\N{NO-BREAK SPACE}MB"), characters)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def _new_axes(steps: int) -> Axes:
    width = min(_WIDE, max(_NARROW, 2.0 + 0.9 * steps))
    figure = Figure(figsize=(width, _HEIGHT), layout="constrained", facecolor="none")
    return figure.add_subplot(axes_class=MemoryAxes)
