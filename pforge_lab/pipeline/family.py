"""A process and all that come from it, also those whose parents have ended."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final
from uuid import uuid4

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    import psutil

GRACE: Final = 2.0
"""Seconds between asking processes to end and ending them."""

VARIABLE: Final = "PFORGE_LAB_COMMAND"
"""Environment variable by which the processes of a command are known: a word for each command around them."""


class Mark:
    """A word in the environment that processes hand down to those they start.

    A process that starts others and ends leaves them to the system, and a new session takes them out of
    its group; what is left of where they come from is their environment.

    Examples
    --------
    >>> mark = Mark()
    >>> environment = mark.on({"A": "1"})
    >>> mark.stands_in(environment), mark.stands_in({"A": "1"})
    (True, False)
    >>> mark.stands_in(Mark().on(environment))
    True
    """

    def __init__(self) -> None:
        self._word = uuid4().hex

    def on(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with the mark."""
        around = environment.get(VARIABLE, "").split()
        return {**environment, VARIABLE: " ".join([*around, self._word])}

    def stands_in(self, environment: Mapping[str, str]) -> bool:
        """Return whether an environment has the mark."""
        return self._word in environment.get(VARIABLE, "").split()


class Family:
    """A process that was started with a mark, and all that come from it.

    Found are its descendants, its process group, and every process whose environment can be read and has the
    mark. Not found is one that was left by its parent, has a session of its own and another environment.
    """

    def __init__(self, process: subprocess.Popen[bytes], mark: Mark) -> None:
        self._process = process
        self._mark = mark
        self._lock = threading.Lock()

    def end(self) -> None:
        """End all: ask first, then insist. Nothing where the process has ended and was waited for."""
        with self._lock:
            if self._process.returncode is not None:
                return
            members = self._members()
            self._signal(members, force=False)
            _wait(members, GRACE)
            deadline = time.monotonic() + GRACE
            while True:  # again for those that were started meanwhile
                members = self._members()
                self._signal(members, force=True)
                if not members or time.monotonic() >= deadline:
                    return
                _wait(members, deadline - time.monotonic())

    def _members(self) -> list[psutil.Process]:
        """Return those that live."""
        import psutil  # noqa: PLC0415 -- loaded when a process has to be ended

        found: set[psutil.Process] = set()
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(self._process.pid)
            found |= {parent, *parent.children(recursive=True)}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):  # of another user, or gone
                if self._mark.stands_in(process.environ()):
                    found.add(process)
        return [process for process in found if _lives(process)]

    def _signal(self, members: list[psutil.Process], *, force: bool) -> None:
        import psutil  # noqa: PLC0415 -- as above

        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL if force else signal.SIGTERM)
        for member in members:
            with contextlib.suppress(psutil.Error):
                member.kill() if force else member.terminate()


def _wait(members: list[psutil.Process], seconds: float) -> None:
    """Wait until all have ended, or the time is over."""
    deadline = time.monotonic() + seconds
    while any(map(_lives, members)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415 -- as above

    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
