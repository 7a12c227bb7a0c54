"""Keep Ctrl-C, and the Stop button of a notebook, from tearing a commit."""

from __future__ import annotations

# Below the module signal, whose enums would take most of the time of a swap.
import _signal  # type: ignore[import-not-found] # typeshed leaves it out
import signal
import threading
from typing import Any


class uninterrupted:  # noqa: N801 - used as a function is, and faster than a generator
    """Let an interrupt wait for the end of the block; only the main thread ever receives one.

    Examples
    --------
    >>> try:
    ...     with uninterrupted():
    ...         signal.raise_signal(signal.SIGINT)
    ...         print("the block ends")
    ... except KeyboardInterrupt:
    ...     print("then it is interrupted")
    the block ends
    then it is interrupted
    """

    __slots__ = ("_handler", "_waiting")

    def __enter__(self) -> None:
        self._waiting: list[tuple[int, Any]] = []
        self._handler = None
        if threading.get_ident() != threading.main_thread().ident:
            return
        handler = _signal.getsignal(signal.SIGINT)
        if callable(handler):
            waiting = self._waiting
            _signal.signal(signal.SIGINT, lambda number, frame: waiting.append((number, frame)))
            self._handler = handler

    def __exit__(self, *_raised: object) -> None:
        if self._handler is not None:
            _signal.signal(signal.SIGINT, self._handler)
            if self._waiting:
                self._handler(*self._waiting[0])
