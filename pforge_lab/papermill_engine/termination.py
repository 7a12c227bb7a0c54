"""SIGTERM while a notebook is executed: what was recorded is kept, then the process ends."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminated(SystemExit):
    """The process was asked to end by SIGTERM; it exits with 143, as shells tell it."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)

    def __str__(self) -> str:
        """Return what happened."""
        return "the process was asked to end (SIGTERM)"


class Termination:
    """Turns SIGTERM into `Terminated` where cells are executed, and lets it wait elsewhere.

    Only in the main thread, and only where nobody else listens to the signal.
    """

    def __init__(self) -> None:
        self._asked = self._executing = self._listens = False

    def __enter__(self) -> Self:
        """Begin to listen."""
        mine = threading.current_thread() is threading.main_thread()
        if mine and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._hear)
            self._listens = True
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Listen no longer; end now when that was asked for meanwhile."""
        if self._listens:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._asked and kind is None:
            raise Terminated

    @contextmanager
    def executing(self) -> Iterator[None]:
        """Have the signal end the block at once."""
        if self._asked:
            raise Terminated
        self._executing = True
        try:
            yield
        finally:
            self._executing = False

    def _hear(self, *_: Any) -> None:
        first, self._asked = not self._asked, True
        if self._executing and first:
            raise Terminated
