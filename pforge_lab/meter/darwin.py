"""The interval footprint of macOS.

Written from Apple's headers and used only where ``gauge.choose`` has seen it work; it has not
been run on a Mac by the developers.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os

_RUSAGE_INFO_V4 = 4
_FIELDS_AFTER_UUID = 35
_PHYS_FOOTPRINT = 7
_LIFETIME_MAX_PHYS_FOOTPRINT = 28
_INTERVAL_MAX_PHYS_FOOTPRINT = 33


class _RusageInfo(ctypes.Structure):
    """``struct rusage_info_v4`` of ``sys/resource.h``: a UUID and 35 counters."""

    _fields_ = (("uuid", ctypes.c_uint8 * 16), ("counters", ctypes.c_uint64 * _FIELDS_AFTER_UUID))


class FootprintInterval:
    """Physical footprint, which is what Activity Monitor shows as memory.

    Raises
    ------
    OSError
        When the system refuses.
    AttributeError
        When this version of macOS has no interval footprint.
    """

    method = "interval footprint"
    exact = True

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("proc"), use_errno=True)
        self._library.proc_reset_footprint_interval.argtypes = [ctypes.c_int]
        self._library.proc_pid_rusage.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]

    def look(self) -> tuple[int, int, bool]:
        """Return the highest footprint of the interval, the footprint now, and True: it is always certain."""
        counters = self._counters()
        return counters[_INTERVAL_MAX_PHYS_FOOTPRINT], counters[_PHYS_FOOTPRINT], True

    def reset(self) -> None:
        """Start a new interval."""
        if self._library.proc_reset_footprint_interval(os.getpid()):
            raise OSError(ctypes.get_errno(), "the footprint interval cannot be reset")

    def lifetime(self) -> int:
        """Return the highest footprint of the process."""
        return self._counters()[_LIFETIME_MAX_PHYS_FOOTPRINT]

    def rest(self) -> None:
        """Nothing runs between scopes."""

    def reopen(self) -> None:
        """Nothing is held open."""

    def _counters(self) -> list[int]:
        info = _RusageInfo()
        if self._library.proc_pid_rusage(os.getpid(), _RUSAGE_INFO_V4, ctypes.byref(info)):
            raise OSError(ctypes.get_errno(), "the footprint of this process cannot be read")
        return list(info.counters)
