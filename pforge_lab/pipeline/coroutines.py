"""Coroutines of tools."""

from __future__ import annotations

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
    stop = call.stop
    try:
        return asyncbridge.run(awaitable, timeout=call.timeout, stop=None if stop is None else stop.add)
    except asyncbridge.CancelledError:
        if stop is not None and stop.event.is_set():
            raise Cancelled from None
        raise  # by itself
    except asyncbridge.Overrun as overrun:
        what = "goes on although it was cancelled" if overrun.abandoned else "was cancelled"
        raise call.overrun(tool, what, abandoned=overrun.abandoned) from None
