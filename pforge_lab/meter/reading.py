"""What the meter found out about one scope."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """Resident memory of the process around one scope, in bytes.

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
    arrow: int | None = None
    settled: bool = False
    child_peak: int | None = None
    trace: str | None = None

    @property
    def temporary(self) -> int:
        """Bytes that were resident at the peak and no longer at the end."""
        return self.peak - self.after
