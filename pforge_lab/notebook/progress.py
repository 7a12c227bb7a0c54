"""Progress below a cell: one display, replaced as the run moves."""

from __future__ import annotations

from html import escape
from typing import Any

from IPython.display import display

_display: Any = display  # IPython's has no types


class CellDisplay:
    """Shows a line below the cell that executes; what stays there says what was done."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, line: str) -> None:
        """Show a line in place of the one before."""
        if self._handle is None:
            self._handle = _display(_forms(line), raw=True, display_id=True)
        else:
            self._handle.update(_forms(line), raw=True)

    def hide(self) -> None:
        """Do nothing: below a cell there is room for more."""

    def end(self, line: str) -> None:
        """Leave a summary, if anything was shown; the next command has a display of its own."""
        if self._handle is not None:
            self.show(line)
            self._handle = None


def _forms(line: str) -> dict[str, str]:
    return {"text/plain": line, "text/html": f"<code>{escape(line)}</code>"}
