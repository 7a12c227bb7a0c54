"""Parts of a step, side by side or one after the other."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from .calls import Stop

T = TypeVar("T")


def execute_parts(parts: Sequence[Callable[[], T]], at_once: int, stop: Stop) -> list[T | None]:
    """Call all parts, at most so many at once, and return their results in the order of the parts.

    One at a time, they run in the calling thread. A part that was not begun when `stop` was
    called has the result None.

    Raises
    ------
    BaseException
        What a part raised; the others are stopped.
    """
    results: list[T | None] = [None] * len(parts)
    if at_once == 1 or len(parts) == 1:
        for i, part in enumerate(parts):
            if stop.event.is_set():
                break
            results[i] = part()
        return results
    failures: list[BaseException] = []
    pending = iter(enumerate(parts))
    lock = threading.Lock()

    def work() -> None:
        while not stop.event.is_set():
            with lock:
                i, part = next(pending, (-1, None))
            if part is None:
                return
            try:
                results[i] = part()
            except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits
                failures.append(error)
                stop()

    threads = [
        threading.Thread(
            target=contextvars.copy_context().run, args=(work,), name="pforge-lab-part", daemon=True
        )
        for _ in range(min(at_once, len(parts)))
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        stop()
        raise
    if failures:
        raise failures[0]
    return results
