"""What the meter asks of a platform, and the best way that this platform passes the test of."""

from __future__ import annotations

import mmap
import sys
from typing import Protocol

_PROBE = 8 << 20
_SLACK = 2 << 20
_TRIES = 3


class Gauge(Protocol):
    """Resident memory of this process, now and at its highest since ``reset``.

    One implementation per way of measuring, so that the meter's rules for nesting, threads and
    fork are written once. Methods raise ``OSError`` when the platform refuses.
    """

    method: str
    exact: bool

    def look(self) -> tuple[int, int, bool]:
        """Return the highest resident bytes since ``reset``, those now, and whether the highest is certain."""

    def reset(self) -> None:
        """Start a new interval."""

    def lifetime(self) -> int:
        """Return the highest resident bytes that this platform still knows of."""

    def rest(self) -> None:
        """No scope is open any more: stop what costs time."""

    def reopen(self) -> None:
        """Take hold of the current process: after a fork, or when descriptors were closed."""


def choose() -> Gauge:
    """Return the exact gauge of this platform if it works here, else the portable one.

    An exact gauge must see 8 MB come and go, and must forget it after a reset. The test takes
    about 2 ms.
    """
    from pforge_lab.meter.portable import portable_gauge  # noqa: PLC0415 - only what is used

    try:
        gauge = _exact()
        if gauge is not None and any(_passes(gauge) for _ in range(_TRIES)):
            return gauge
    except (OSError, AttributeError, ValueError):
        pass  # refused by the platform: the portable gauge says so in every reading
    return portable_gauge()


def _exact() -> Gauge | None:
    if sys.platform == "linux":
        from pforge_lab.meter.linux import KernelMark  # noqa: PLC0415 - needs this platform

        return KernelMark()
    if sys.platform == "darwin":
        from pforge_lab.meter.darwin import FootprintInterval  # noqa: PLC0415 - needs this platform

        return FootprintInterval()
    return None


def _passes(gauge: Gauge) -> bool:
    gauge.reset()
    _, before, _ = gauge.look()
    with mmap.mmap(-1, _PROBE) as block:
        block.write(b"x" * _PROBE)
    seen, _, _ = gauge.look()
    gauge.reset()
    left, now, _ = gauge.look()
    return seen - before > _PROBE - _SLACK and left - now < _SLACK
