"""Resident memory of another process of the same user, and of the processes that it started."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from pforge_lab.meter.reading import Reading

_PROC = Path("/proc")
_EVERY = 0.05  # seconds between looks at children


class OtherProcess:
    r"""Measures another process by its own high-water mark, which Linux keeps; elsewhere it knows nothing.

    The process must not measure itself at the same time: there is one mark only.

    Parameters
    ----------
    pid
        Of a process of the same user.

    Examples
    --------
    >>> import subprocess, sys
    >>> code = "input(); x = bytearray(60_000_000); del x; print(); input()"
    >>> child = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
    >>> other = OtherProcess(child.pid)
    >>> other.enter()
    >>> line = child.stdin.write("go\n"), child.stdin.flush(), child.stdout.readline()
    >>> reading = other.exit()
    >>> reading is None or reading.peak - reading.before > 50_000_000
    True
    >>> ended = child.communicate("end")
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before: int | None = None

    def enter(self) -> None:
        """Begin: the mark is set to what is resident now."""
        self._before = None
        with suppress(OSError):
            (_PROC / str(self._pid) / "clear_refs").write_bytes(b"5")
            self._before = _status(self._pid, b"VmRSS")

    def exit(self) -> Reading | None:
        """End: return the reading, None where the process is gone or cannot be looked at."""
        if self._before is None:
            return None
        try:
            peak, after = _status(self._pid, b"VmHWM"), _status(self._pid, b"VmRSS")
        except OSError:
            return None
        return Reading(self._before, max(peak, self._before, after), after, "VmHWM", exact=True)


class ChildrenOf:
    """Looks at the processes that another one has started, 20 times a second while a scope is open.

    Of a child that began within the scope its own mark counts, which misses nothing of it; of one that
    was there before, what is resident. A child that is gone within 50 ms may not be seen.

    Parameters
    ----------
    pid
        Of the process whose children are meant.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known = set[int]()
        self._marks: dict[int, int] = {}
        self._resident = 0
        self._open = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="pforge children", daemon=True)
        if _PROC.joinpath("self", "task").is_dir():
            self._thread.start()

    def enter(self) -> None:
        """Begin to look."""
        self._known, self._marks, self._resident = set(descendants(self._pid)), {}, 0
        self._open.set()

    def exit(self) -> int | None:
        """Return the highest bytes that children held, None when there were none."""
        self._see()
        self._open.clear()
        return (
            max(self._resident, *self._marks.values(), 0) or None if self._marks else self._resident or None
        )

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        self._open.set()

    def _look(self) -> None:
        while self._open.wait() and not self._ended.is_set():
            self._see()
            self._ended.wait(_EVERY)

    def _see(self) -> None:
        resident = 0
        for pid in descendants(self._pid):
            with suppress(OSError):
                resident += _status(pid, b"VmRSS")
                if pid not in self._known:
                    self._marks[pid] = _status(pid, b"VmHWM")
        self._resident = max(self._resident, resident)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have started."""
    found: list[int] = []
    pending = [pid]
    while pending:
        with suppress(OSError):
            for task in (_PROC / str(pending.pop()) / "task").iterdir():
                with suppress(OSError):
                    children = [int(child) for child in (task / "children").read_bytes().split()]
                    found += children
                    pending += children
    return found


def _status(pid: int, field: bytes) -> int:
    text = (_PROC / str(pid) / "status").read_bytes()
    start = text.find(field + b":")
    if start < 0:  # a process that has ended and was not waited for
        raise ProcessLookupError(pid)
    return int(text[start + len(field) + 1 : text.index(b"kB", start)]) << 10
