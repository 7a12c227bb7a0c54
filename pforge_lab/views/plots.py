"""The memory chart of a run, on matplotlib figures that belong to nobody else.

Figures are made without pyplot, so drawing one changes no global state and is safe in callbacks
of widgets. Jupyter shows figures of pyplot only; therefore the axes returned here carry their
own picture (``MemoryAxes``): as the last expression of a cell they show the chart.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pforge_lab.views.chart import MemoryChart
from pforge_lab.views.palette import INK
from pforge_lab.views.stack import MB, stack

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

_HEIGHT = 4.6
_NARROW, _WIDE = 5.5, 10.0
_SHOWN_DPI = 96
_SHARPER = 2


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


def plot_memory(
    memory: pd.DataFrame,
    sizes: pd.DataFrame,
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
        ``run.memory`` has them. Rows without a peak are left out.
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
    axes.set_title(
        _wrapped(title or layers.finding(), chart.characters),
        loc="left",
        pad=chart.room_for_legend,
        color=INK,
        fontweight="bold",
        fontsize=10.5,
        parse_math=False,
    )
    return axes


def _wrapped(title: str, characters: int) -> str:
    """Break a title between words, but not between a number and its unit."""
    lines = textwrap.wrap(title.replace(" MB", "\N{NO-BREAK SPACE}MB"), characters)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def _new_axes(steps: int) -> Axes:
    width = min(_WIDE, max(_NARROW, 2.0 + 0.9 * steps))
    figure = Figure(figsize=(width, _HEIGHT), layout="constrained", facecolor="none")
    return figure.add_subplot(axes_class=MemoryAxes)
