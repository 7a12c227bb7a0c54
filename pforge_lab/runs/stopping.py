"""Ending the step that another thread executes, as an interrupt ends one in the main thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pforge_lab.pipeline.calls import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopper:
    """Stops what a thread other than the main one executes.

    Commands end with their children, requests and coroutines are cancelled, a Python function gets a
    ``KeyboardInterrupt`` at its next bytecode. What is inside a C call finishes that first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Stop | None = None
        self.asked = False

    @contextmanager
    def executing(self) -> Iterator[Stop | None]:
        """Let what is done inside be stopped; the main thread has signals for that, and gets None."""
        if threading.current_thread() is threading.main_thread():
            yield None
            return
        stop = Stop()
        with self._lock:
            self._under_way = stop
        try:
            yield stop
        finally:
            with self._lock:
                self._under_way = None

    @property
    def ends_at_once(self) -> bool | None:
        """Whether what is under way would end at once; None when nothing is that could be stopped."""
        with self._lock:
            stop = self._under_way
        return None if stop is None else stop.ends_at_once

    def __call__(self) -> bool:
        """Stop what is under way, and whatever would follow; return whether anything was."""
        with self._lock:
            self.asked, stop = True, self._under_way
        if stop is None:
            return False
        stop()
        return True
