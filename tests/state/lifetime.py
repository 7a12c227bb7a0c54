"""Lifetimes of keys, told by bounds that hold however slow the machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

PRECISION = 0.05  # seconds: what a store promises


class Span:
    """The time, by a clock, in which something was done."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.begun = self.ended = clock()

    def __enter__(self) -> Self:
        self.begun = self._clock()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = self._clock()


class Lifetime(Span):
    """A lifetime of so many seconds that began while the block ran.

    A server's clock goes on while a test waits for a processor, so that what is read is compared with the
    moments right before and right after. On a clock that stands still the bounds meet.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        super().__init__(clock)
        self.seconds = seconds

    def may_be_over(self) -> bool:
        """Return whether a key may have expired by now."""
        return self._clock() >= self.begun + self.seconds - PRECISION

    def assert_left(self, ask: Callable[[str], float | None], key: str) -> None:
        """Check what a store says that a key has left."""
        with Span(self._clock) as look:
            left = ask(key)
        self.assert_seen(left, look)

    def assert_seen(self, left: float | None, look: Span) -> None:
        """Check what a store has said, in the time of ``look``, that a key has left."""
        if left is None:
            assert self.may_be_over()
        else:
            assert left >= self.seconds - (look.ended - self.begun) - PRECISION
            assert left <= self.seconds - (look.begun - self.ended) + PRECISION
