"""How far a sweep is, in a notebook and in a terminal."""

from __future__ import annotations

import html
import sys
import time
from dataclasses import dataclass
from typing import Any

from pforge_lab.values.format import duration


@dataclass
class Tally:
    """Counts of the runs of a sweep.

    Examples
    --------
    >>> tally = Tally("daily", total=24, kept=8)
    >>> tally.done, tally.failed = 3, 1
    >>> tally.text(seconds=2)
    'sweep daily: 12 of 24, 8 from before, 1 failed, 2.00 s'
    """

    name: str
    total: int
    kept: int = 0
    done: int = 0
    failed: int = 0

    @property
    def ended(self) -> int:
        """Runs that need no waiting for any more."""
        return self.kept + self.done + self.failed

    def text(self, seconds: float) -> str:
        """Return one line."""
        parts = [f"{self.ended} of {self.total}"]
        parts += [f"{self.kept} from before"] if self.kept else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return f"sweep {self.name}: {', '.join([*parts, duration(seconds)])}"

    def html(self, seconds: float) -> str:
        """Return the same with a bar."""
        text = html.escape(self.text(seconds))
        return f'<progress value="{self.ended}" max="{self.total}" aria-label="{text}"></progress> {text}'


@dataclass
class Progress:
    """Shows a tally as it changes, and the time since ``began``, of the monotonic clock."""

    tally: Tally
    began: float
    _handle: Any = None

    def show(self, *, last: bool = False) -> None:
        """Show the tally as it is now."""
        seconds = time.monotonic() - self.began
        if _in_notebook():
            self._display(self.tally.html(seconds), self.tally.text(seconds))
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{self.tally.text(seconds)}" + ("\n" if last else ""))
            sys.stderr.flush()
        elif last:
            sys.stderr.write(self.tally.text(seconds) + "\n")

    def _display(self, page: str, text: str) -> None:
        from IPython.display import display  # noqa: PLC0415 - it is there, we are in a notebook

        bundle = {"text/html": page, "text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


def _in_notebook() -> bool:
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return hasattr(shell, "kernel")
