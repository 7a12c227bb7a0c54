"""Ending the step that another thread executes, as an interrupt ends one in the main thread."""

from __future__ import annotations

import threading

from pforge_lab.pipeline.calls import Stop


class Stopper:
    """Stops what a thread other than the main one executes.

    Commands end with their children, requests and coroutines are cancelled, a Python function gets a
    ``KeyboardInterrupt`` at its next bytecode. What is inside a C call, or
    a write to a store, finishes that first.

    Attributes
    ----------
    asked
        Whether somebody asked to stop.
    by_signal
        Whether the main thread executes, which signals stop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Stop | None = None
        self.asked = self.by_signal = False

    def ready(self) -> None:
        """Begin anew, in the thread that is going to execute; the main thread has signals for what this is for."""
        self.asked, self.by_signal = False, threading.current_thread() is threading.main_thread()

    def begin(self) -> Stop:
        """Let what is done until `end` be stopped."""
        stop = Stop()
        with self._lock:
            self._under_way = stop
        return stop

    def end(self) -> None:
        """Take note that nothing is under way any more that could be stopped."""
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
