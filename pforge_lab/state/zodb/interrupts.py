"""Keep Ctrl-C, and the Stop button of a notebook, from tearing a commit."""

from __future__ import annotations

# Below the module signal, whose enums would take most of the time of a swap.
import _signal  # type: ignore[import-not-found] # typeshed leaves it out
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def uninterrupted() -> Iterator[None]:
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
    handler = _signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    waiting: list[tuple[int, Any]] = []
    _signal.signal(signal.SIGINT, lambda number, frame: waiting.append((number, frame)))
    try:
        yield
    finally:
        _signal.signal(signal.SIGINT, handler)
        if waiting:
            handler(*waiting[0])
