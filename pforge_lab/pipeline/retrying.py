"""Calling again what failed: attempts, backoff and jitter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pforge_lab.errors import ParamError, SpecError, TemplateError, ToolError

from .calls import Cancelled, Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from .policies import Retry

T = TypeVar("T")
LONGEST_WAIT: Final = 300.0
"""Seconds that a ``retry_after`` is waited for at most."""

_FINAL = (ParamError, SpecError, TemplateError, Cancelled)  # the same call would fail in the same way


def with_retries(attempt: Callable[[int], T], retry: Retry, stop: Stop | None) -> T:
    """Call ``attempt(number)`` until it succeeds, at most ``retry.attempts`` times.

    An error with a ``retry_after`` (seconds) is waited for at least that long; one that asks for more than
    `LONGEST_WAIT` is raised at once, as is what would fail again in the same way.

    Raises
    ------
    Exception
        What the last attempt raised.
    """
    import tenacity  # noqa: PLC0415 -- loads asyncio machinery, for steps that retry only

    jitter = retry.backoff if retry.jitter is None else retry.jitter
    exponential = tenacity.wait_exponential(multiplier=retry.backoff, max=retry.max_backoff)
    backoff = exponential + tenacity.wait_random(0, jitter)

    def wait(state: Any) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        return max(backoff(state), _asked(error))

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(retry.attempts),
        wait=wait,
        retry=tenacity.retry_if_exception(_may_change),
        sleep=time.sleep if stop is None else lambda seconds: _pause(seconds, stop),
        reraise=True,
    )
    number = 0

    def call() -> T:
        nonlocal number
        number += 1
        return attempt(number)

    return retrying(call)


def _asked(error: BaseException | None) -> float:
    seconds = getattr(error, "retry_after", None)  # of whatever library's error
    return seconds if isinstance(seconds, int | float) and seconds > 0 else 0.0


def _may_change(error: BaseException) -> bool:
    if not isinstance(error, Exception) or isinstance(error, _FINAL):
        return False
    final = isinstance(error, ToolError) and error.final
    return not final and _asked(error) <= LONGEST_WAIT


def _pause(seconds: float, stop: Stop) -> None:
    forget = stop.add(stop.event.set)
    try:
        if stop.event.wait(seconds):
            raise Cancelled
    finally:
        forget()
