"""What the meter found out about one scope."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """Resident memory of the process around one scope, in bytes.

    A named tuple rather than a dataclass because one is made for every step, and that takes 0.3 µs
    instead of 1.1; ``reading._replace(...)`` gives another one.

    Attributes
    ----------
    before, after
        Resident memory when the scope was entered and when it was left.
    peak
        Highest resident memory in between.
    method
        How the peak was measured, such as ``"VmHWM"``.
    exact
        False when the true peak may be higher than ``peak``.
    shared
        True when another scope overlapped with this one without containing it or being contained:
        resident memory belongs to the process, so both then have the same peak.
    lifetime
        Highest resident memory of the process from its start to the end of the scope. Nothing else
        knows it: each reset of the mark also lowers what ``resource.getrusage`` reports.
    allocated
        Bytes that the C library's heap had handed out at the end. None where it cannot be asked, and
        where asking would have taken more than 1 % of the scope's time.
    arrow
        Bytes that Arrow's default pool held at the end, or None while pyarrow is not imported.
    settled
        True when freed memory was returned to the system before the scope was entered and before
        ``after`` was read.
    child_peak
        Highest resident memory of the process that the step started, or None where it started none.
    trace
        File that memray wrote while the scope was open, or None.

    Examples
    --------
    >>> Reading(before=100, peak=450, after=150, method="VmHWM", exact=True).temporary
    300
    """

    before: int
    peak: int
    after: int
    method: str
    exact: bool
    shared: bool = False
    lifetime: int | None = None
    allocated: int | None = None
    arrow: int | None = None
    settled: bool = False
    child_peak: int | None = None
    trace: str | None = None

    @property
    def temporary(self) -> int:
        """Bytes that were resident at the peak and no longer at the end."""
        return self.peak - self.after
