"""Parts of a step, side by side or one after the other."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from .calls import GRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .calls import Stop

T = TypeVar("T")

_LOOK: Final = 0.05  # seconds between two looks whether the others are to stop


def execute_parts(
    parts: Sequence[Callable[[], T]], at_once: int, stop: Stop, left: Callable[[int], T]
) -> list[T | None]:
    """Call all parts, at most so many at once, and return their results in the order of the parts.

    One at a time, they run in the calling thread. A part that was not begun when `stop` was
    called has the result None. One that is in a Python function then, and does not come to its next
    bytecode within `GRACE`, is left behind on its thread; its result is what `left` gives for its place.

    Raises
    ------
    BaseException
        What a part raised; the others are stopped.
    """
    if at_once > 1 and len(parts) > 1:
        return _Crew(parts, stop).work(at_once, left)
    results: list[T | None] = [None] * len(parts)
    for i, part in enumerate(parts):
        if stop.event.is_set():
            break
        results[i] = part()
    return results


class _Crew(Generic[T]):
    """Threads that take one part after the other."""

    def __init__(self, parts: Sequence[Callable[[], T]], stop: Stop) -> None:
        self._results: list[T | None] = [None] * len(parts)
        self._pending = iter(enumerate(parts))
        self._failures: list[BaseException] = []
        self._lock = threading.Lock()
        self._stop = stop
        self._places: dict[int, int] = {}

    def work(self, at_once: int, left: Callable[[int], T]) -> list[T | None]:
        """Do all parts; what a part raised is raised here."""
        threads = [self._thread() for _ in range(min(at_once, len(self._results)))]
        try:
            behind = [thread for thread in threads if not self._joined(thread)]
        except BaseException:
            self._stop()
            raise
        if self._failures:
            raise self._failures[0]
        results = self._results.copy()  # what is left behind may still write into the other one
        for thread in behind:
            place = self._places[thread.ident or 0]
            if results[place] is None:
                results[place] = left(place)
        return results

    def _joined(self, thread: threading.Thread) -> bool:
        """Wait for a thread; return whether it has ended, and is not left behind."""
        stopped: float | None = None
        while thread.is_alive():
            thread.join(_LOOK)
            if self._stop.event.is_set():
                stopped = stopped or time.monotonic()
                if time.monotonic() - stopped > GRACE and self._stop.waits_for(thread.ident):
                    return False
        return True

    def _thread(self) -> threading.Thread:
        context = contextvars.copy_context()  # what the parts print belongs to the caller's cell
        thread = threading.Thread(target=context.run, args=(self._take,), name="pforge-lab-part", daemon=True)
        thread.start()
        return thread

    def _take(self) -> None:
        while not self._stop.event.is_set():
            with self._lock:
                place = next(self._pending, None)
            if place is None:
                return
            i, part = place
            self._places[threading.get_ident()] = i
            try:
                self._results[i] = part()
            except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits
                self._failures.append(error)
                self._stop()
