"""The memory chart of the report, drawn while the kernel begins and ends."""

from __future__ import annotations

import base64
import importlib
import io
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pforge_lab.late import imported, uncollected

_AGG = "matplotlib.backends.backend_agg"  # draws without a display
_PLOTS = "pforge_lab.views.plots"


class Picture:
    r"""Draws the chart of one execution in a thread of its own: what draws takes a second to import.

    While the kernel imports its recorder, and while it ends, this process has nothing else to do.

    Examples
    --------
    >>> picture = Picture()
    >>> picture.begin()
    >>> memory = {"index": [1], "label": ["cell 1"], "before": [5e6], "peak": [9e6], "after": [7e6], "exact": [True]}
    >>> sizes = {"index": [1], "variable": ["x"], "bytes": [2e6], "approx": [False]}
    >>> base64.b64decode(picture.png({"memory": memory, "sizes": sizes}))[:4]
    b'\x89PNG'
    >>> picture.close()
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pforge picture")
        self._drawn: Future[str] | None = None

    def begin(self) -> None:
        """Import what draws."""
        self._thread.submit(_imported)

    def draw(self, facts: dict[str, Any]) -> None:
        """Draw the chart, if there is anything to be drawn."""
        if facts["memory"]["index"]:
            self._drawn = self._thread.submit(_drawn, facts)

    def png(self, facts: dict[str, Any]) -> str | None:
        """Return the chart as PNG in base64, or None where nothing was measured.

        Raises
        ------
        Exception
            What went wrong while it was drawn.
        """
        if self._drawn is None:
            self.draw(facts)
        return None if self._drawn is None else self._drawn.result()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _imported() -> Any:
    imported(_AGG)
    return imported(_PLOTS)


@uncollected()
def _drawn(facts: dict[str, Any]) -> str:
    picture = io.BytesIO()
    figure = _imported().plot_memory(facts["memory"], facts["sizes"]).get_figure(root=True)
    # Not by ``savefig``, which draws a figure twice that sees to its layout while it is drawn.
    importlib.import_module(_AGG).FigureCanvasAgg(figure).print_png(picture)
    return base64.b64encode(picture.getvalue()).decode()
