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

    Raises
    ------
    StepTimeout
        It took longer than ``call.timeout``.
    Cancelled
        The call was stopped.
    """
    try:
        if call.stop is None:
            return asyncbridge.run(awaitable, timeout=call.timeout)
        future = asyncbridge.submit(awaitable, timeout=call.timeout)
        forget = call.stop.add(future.cancel)
        try:
            return asyncbridge.wait(future)
        except asyncbridge.CancelledError:
            raise Cancelled from None
        finally:
            forget()
    except asyncbridge.Overrun:
        raise call.overrun(tool, "was cancelled") from None
