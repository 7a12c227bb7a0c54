"""Deeper looks at memory: opt-in, per run or per step, because each costs something."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pforge_lab import meter
from pforge_lab.errors import WrongValue, near_misses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pforge_lab.meter import Reading


@dataclass(frozen=True, slots=True)
class Looks:
    """What a run, or a step, does beyond the meter that is always on.

    Attributes
    ----------
    settle
        Return freed memory to the system before and after each step, so that what is resident is
        what is held and ``run.advise()`` can promise. Costs 1 to 20 ms a step, and the page faults
        of what the step allocates anew.
    exact
        Visit every object when variables are sized, without a budget of time and without samples.
        Costs 2 to 3 s for a million dicts and a third of their memory while it lasts; arrays and
        frames cost nothing.
    trace
        Record with memray who allocated: ``run.trace()`` has the table and the flame graph. Costs
        6 ms, 7 to 65 % of the step's time and a file of megabytes; memray's own memory counts in
        the peak. Needs ``pip install 'pforge_lab[trace]'``, on Linux or macOS.

    Examples
    --------
    >>> Looks.of("settle") | Looks.of(["exact"])
    Looks(settle=True, exact=True, trace=False)
    >>> Looks.of("setle")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.WrongValue: there is no look at memory 'setle', did you mean 'settle'?
    """

    settle: bool = False
    exact: bool = False
    trace: bool = False

    @classmethod
    def of(cls, names: str | Iterable[str] | None) -> Looks:
        """Return the looks of these names.

        Raises
        ------
        WrongValue
            A name is none of ``settle exact trace``.
        UsageError
            ``trace`` is asked for where memray is not installed.
        """
        known = [field.name for field in fields(cls)]
        wanted = [names] if isinstance(names, str) else list(names or ())
        for name in wanted:
            if name not in known:
                raise WrongValue(f"there is no look at memory {name!r}{near_misses(str(name), known)}")
        if "trace" in wanted:
            from pforge_lab.runs.tracing import check_memray  # noqa: PLC0415 - only where it is used

            check_memray()
        return cls(**dict.fromkeys(wanted, True))

    def __or__(self, other: Looks) -> Looks:
        """Return what either of them asks for."""
        return Looks(self.settle or other.settle, self.exact or other.exact, self.trace or other.trace)

    def names(self) -> list[str]:
        """Return the names that ``of`` takes."""
        return [field.name for field in fields(self) if getattr(self, field.name)]


def settled(reading: Reading) -> Reading:
    """Return freed memory to the system, and the reading with what is resident then."""
    meter.return_freed_memory()
    now = meter.exit(meter.enter())
    return reading._replace(after=now.after, allocated=now.allocated, arrow=now.arrow, settled=True)
