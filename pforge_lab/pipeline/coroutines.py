"""Coroutines of tools."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from pforge_lab import asyncbridge

from .calls import Call, Cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


def awaited(awaitable: Awaitable[T], call: Call, tool: str) -> T:
    """Wait for a coroutine, as long as its call may take.

    One that does not end when it is cancelled, or blocks its loop, is abandoned.

    Raises
    ------
    StepTimeout
        It took longer than ``call.timeout``.
    Cancelled
        The call was stopped.
    """
    stop, begun, ended = call.stop, threading.Event(), threading.Event()

    async def told() -> T:
        begun.set()
        try:
            return await awaitable
        finally:
            ended.set()

    try:
        return asyncbridge.run(told(), timeout=call.timeout, stop=None if stop is None else stop.add)
    except asyncbridge.CancelledError:
        if stop is None or not stop.event.is_set():
            raise  # by itself
        if not begun.is_set() or ended.wait(asyncbridge.GRACE):
            raise Cancelled from None
        raise Cancelled.left(tool, "loop") from None
    except asyncbridge.Overrun as overrun:
        how = "was abandoned on its loop" if overrun.abandoned else "was cancelled"
        raise call.overrun(tool, how, abandoned=overrun.abandoned) from None
