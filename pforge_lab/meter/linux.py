"""The kernel's own high-water mark of resident memory (Linux 4.0 and later)."""

from __future__ import annotations

import os
from fcntl import F_GETSIG, F_SETSIG, fcntl
from os import pread
from resource import RUSAGE_SELF, getrusage

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM_FIELDS = 7
_CLOSE = 1 << 16
_OURS = 63  # signal number that marks the open file as ours; files have 0, and none is ever sent


class KernelMark:
    """Resets ``VmHWM`` through ``/proc/self/clear_refs`` and reads it back.

    ``getrusage`` hands out the same mark ten times faster than ``/proc/self/status``, but never
    less than the mark that the parent process left behind at exec. The first mark after a reset is
    an upper bound of that; at or below it, and unless it is what is resident anyway, the status
    file is asked.

    Raises
    ------
    OSError
        When ``/proc`` is absent or refuses.
    """

    method = "VmHWM"
    exact = True

    def __init__(self) -> None:
        self.reopen()
        self._lifetime = self._status()
        self.reset()
        self._floor = getrusage(RUSAGE_SELF).ru_maxrss << 10

    def reopen(self) -> None:
        """Open the files anew: inherited descriptors of ``/proc/self`` still mean the parent."""
        self._status_file = _open("status", os.O_RDONLY)
        self._statm_file = _open("statm", os.O_RDONLY)
        self._clear_file = _open("clear_refs", os.O_WRONLY)
        self._flat = False
        fcntl(self._clear_file, F_SETSIG, _OURS)

    def look(self) -> tuple[int, int, bool]:
        """Return the mark, resident bytes now, and True: the mark is always certain."""
        fields = pread(self._statm_file, 128, 0).split()
        if len(fields) != _STATM_FIELDS:
            raise OSError("the descriptor of /proc/self/statm is another file now")
        resident = int(fields[1]) * _PAGE
        mark = getrusage(RUSAGE_SELF).ru_maxrss << 10
        if mark <= resident:
            self._flat = True  # to reset the mark would leave it what it is
            return resident, resident, True
        self._flat = False
        if mark <= self._floor and mark - resident > _CLOSE:
            mark = self._status()
        return mark, resident, True

    def reset(self) -> None:
        """Set the mark to what is resident now.

        The descriptor is checked first: a step may have closed it, and its number may since
        belong to a file of the user's, which must not be written to. The mark on the open file is
        asked for three times faster than its inode. Where the last `look` has found the mark at what is
        resident, there is nothing to be done.
        """
        if self._flat:
            return
        if fcntl(self._clear_file, F_GETSIG) != _OURS:
            raise OSError("the descriptor of /proc/self/clear_refs is another file now")
        os.pwrite(self._clear_file, b"5", 0)

    def lifetime(self) -> int:
        """Return the highest mark known: before the first reset, or since the last."""
        return max(self._lifetime, self._status())

    def rest(self) -> None:
        """Nothing runs between scopes."""

    def _status(self) -> int:
        text = pread(self._status_file, 4096, 0)
        start = text.find(b"VmHWM:")
        if start < 0:
            raise OSError("/proc/self/status has no VmHWM")
        return int(text[start + 6 : text.index(b"kB", start)]) << 10


def _open(name: str, flags: int) -> int:
    return os.open(f"/proc/self/{name}", flags | os.O_CLOEXEC)
