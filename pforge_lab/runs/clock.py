"""The time that looking at memory may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that a walk may take.

    Attributes
    ----------
    late
        When to begin to estimate what was not visited yet, on the clock of ``perf_counter``.
    end
        When to be done.
    """

    late: float = math.inf
    end: float = math.inf

    @classmethod
    def of(cls, seconds: float) -> Clock:
        """Return the clock of so many seconds from now."""
        now = perf_counter()
        return cls(now + seconds * 0.6, now + seconds)

    def half(self) -> Clock:
        """Return the clock of half the time that is left."""
        end = self.end if self.end == math.inf else (perf_counter() + self.end) / 2
        return Clock(end, end)
