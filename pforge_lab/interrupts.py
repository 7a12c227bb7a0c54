"""Interrupts that wait for the end of what they would tear: Ctrl-C, the Stop button of a notebook, `Run.stop`."""

from __future__ import annotations

# Below the module signal, whose enums would take most of the time of a swap.
import _signal  # type: ignore[import-not-found] # typeshed leaves it out
import ctypes
import signal
import threading
from typing import Any

_lock = threading.Lock()
_depths: dict[int, int] = {}  # blocks that a thread is in, by its identity
_waiting: set[int] = set()  # threads that are to be interrupted when they leave the outermost


def interrupt(thread: int) -> None:
    """Raise ``KeyboardInterrupt`` in another thread: at its next bytecode, or when it leaves a `shielded` block."""
    with _lock:
        if thread in _depths:
            _waiting.add(thread)
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread), ctypes.py_object(KeyboardInterrupt)
            )


class shielded:  # noqa: N801 - used as a function is, and faster than a generator
    """Let `interrupt` wait for the end of the block, which so is never left in between; it takes a microsecond.

    Examples
    --------
    >>> try:
    ...     with shielded():
    ...         interrupt(threading.get_ident())
    ...         print("the block ends")
    ... except KeyboardInterrupt:
    ...     print("then it is interrupted")
    the block ends
    then it is interrupted
    """

    __slots__ = ("_thread",)

    def __enter__(self) -> None:
        thread = self._thread = threading.get_ident()
        try:
            with _lock:
                _depths[thread] = _depths.get(thread, 0) + 1
            _checkpoint()  # what was sent just before this thread was noted arrives here
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *_raised: object) -> None:
        if self._leave():
            raise KeyboardInterrupt

    def _leave(self) -> bool:
        """Leave the block; return whether an interrupt has waited for that."""
        thread = self._thread
        with _lock:
            left = _depths.get(thread, 1) - 1
            if left:
                _depths[thread] = left
                return False
            _depths.pop(thread, None)
            waited = thread in _waiting
            _waiting.discard(thread)
            return waited


def _checkpoint() -> None:
    """Give Python the occasion to raise what another thread has sent: it looks where a function begins."""


class uninterrupted(shielded):  # noqa: N801 - as above
    """Let an interrupt wait for the end of the block, a signal too, which only the main thread receives.

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

    __slots__ = ("_handler", "_signals")

    def __enter__(self) -> None:
        self._handler: Any = None
        if threading.get_ident() != threading.main_thread().ident:
            super().__enter__()
            return
        handler = _signal.getsignal(signal.SIGINT)
        if callable(handler):
            signals = self._signals = list[tuple[int, Any]]()
            _signal.signal(signal.SIGINT, lambda number, frame: signals.append((number, frame)))
            self._handler = handler

    def __exit__(self, *raised: object) -> None:
        if threading.get_ident() != threading.main_thread().ident:
            super().__exit__(*raised)
        elif self._handler is not None:
            _signal.signal(signal.SIGINT, self._handler)
            if self._signals:
                self._handler(*self._signals[0])
