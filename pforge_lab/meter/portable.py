"""Peaks where no mark can be reset: the lifetime mark when it rises, samples otherwise."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 0.01
_LINGER = 100


class LifetimeMark:
    """Exact when the process's lifetime peak rose in the interval, else the highest sample.

    A sampling thread runs while scopes are open. It cannot run while a step holds the GIL, so
    what it saw is a lower bound; the reading then says that it is not exact.

    Parameters
    ----------
    resident, lifetime
        Return resident bytes now, and the highest of the process's life.
    source
        Where the lifetime peak comes from; part of ``method``.
    """

    exact = False

    def __init__(self, resident: Callable[[], int], lifetime: Callable[[], int], source: str) -> None:
        self.method = f"{source} or samples of {INTERVAL * 1000:.0f} ms"
        self.resident = resident
        self.lifetime = lifetime
        self.reopen()

    def reopen(self) -> None:
        """Forget the sampling thread, which does not live on after a fork."""
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._open = False
        self._start = self.lifetime()
        self._sampled = 0

    def reset(self) -> None:
        """Start a new interval."""
        self._start = self.lifetime()
        self._sampled = 0
        self._open = True
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._sample, name="pforge_lab memory samples", daemon=True
            )
            self._thread.start()
        if not self._awake.is_set():
            self._awake.set()

    def look(self) -> tuple[int, int, bool]:
        """Return the lifetime peak and True if it rose since ``reset``, else the highest sample and False."""
        resident, mark = self.resident(), self.lifetime()
        if mark > self._start:
            return max(mark, resident), resident, True
        return max(self._sampled, resident), resident, False

    def rest(self) -> None:
        """Let the sampling thread fall asleep, a second from now so that quick steps need not wake it."""
        self._open = False

    def _sample(self) -> None:
        idle = 0
        while self._awake.wait():
            time.sleep(INTERVAL)
            self._sampled = max(self._sampled, self.resident())
            idle = 0 if self._open else idle + 1
            if idle > _LINGER:
                self._awake.clear()
                if self._open:  # a scope was opened just before the clear
                    self._awake.set()


def portable_gauge() -> LifetimeMark:
    """Return the gauge for platforms, or containers, without a mark that can be reset."""
    if sys.platform == "linux":
        resident = _statm if Path("/proc/self/statm").exists() else _ru_maxrss
        return LifetimeMark(resident, _ru_maxrss, "ru_maxrss")
    import psutil  # noqa: PLC0415 - not needed where the kernel answers

    process = psutil.Process()
    if sys.platform == "win32":
        return LifetimeMark(
            lambda: int(process.memory_info().rss),
            lambda: int(process.memory_info().peak_wset),
            "peak_wset",
        )
    return LifetimeMark(lambda: int(process.memory_info().rss), _ru_maxrss, "ru_maxrss")


def _statm() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _ru_maxrss() -> int:
    import resource  # noqa: PLC0415 - absent on Windows

    mark = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return mark if sys.platform == "darwin" else mark << 10
