"""Child processes whose own peak of resident memory can be told.

A child begins as a copy of its parent, and the system's account of it (``wait4``, ``RUSAGE_CHILDREN``)
begins with the parent's peak: ``/bin/true`` under a parent that once held 500 MB is said to have
held 500 MB. So on Linux the command is started by a small interpreter in between, which has held
next to nothing, waits for it and writes down what it used.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Between start and exec Python ignores SIGPIPE and SIGXFSZ, and sets LC_CTYPE where there is no
# locale: the command gets both as they were. Signals that ask to end are for the command, which is
# then waited for, so that no zombie is left.
_BETWEEN = """
import os, sys, _signal
report, locale = int(sys.argv[1]), sys.argv[2]
os.set_inheritable(report, False)
environment = dict(os.environb)
environment.pop(b"LC_CTYPE", None)
if locale:
    environment[b"LC_CTYPE"] = os.fsencode(locale[1:])
for number in (1, 2, 15):
    if _signal.getsignal(number) != _signal.SIG_IGN:
        _signal.signal(number, lambda *_: None)
try:
    pid = os.posix_spawnp(sys.argv[3], sys.argv[3:], environment, setsigdef=[13, 25])
except OSError as error:
    os.write(report, b"%d\\n" % error.errno)
    os._exit(127)
os.write(report, b"0\\n")
status, usage = os.wait4(pid, 0)[1:]
os.write(report, b"%d %d\\n" % (status, usage.ru_maxrss))
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    exit_code
        Negative for the signal that ended it.
    peak
        Its highest resident memory in bytes, its own children included; never less than the 9 MB
        of the interpreter that started it. None where it cannot be told.
    """

    exit_code: int
    peak: int | None


class Child:
    """A command that was started by ``spawn``.

    Attributes
    ----------
    process
        The command, or what stands between: its pipes are the command's, it ends when the command
        has ended, and a signal to its process group reaches both.
    """

    def __init__(self, process: subprocess.Popen[bytes], report: int | None) -> None:
        self.process = process
        self._report = None if report is None else os.fdopen(report, "rb", buffering=0)

    def wait(self, deadline: float | None = None) -> Ended | None:
        """Return how the command ended, or None when it has not by a moment of the monotonic clock."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(None if deadline is None else max(deadline - time.monotonic(), 0))
        if self.process.returncode is None:
            return None
        if self._report is None:
            return Ended(self.process.returncode, None)
        with self._report:
            facts = self._report.read().split()
        if len(facts) != 2:  # ended together with what stands between
            return Ended(self.process.returncode, None)
        return Ended(os.waitstatus_to_exitcode(int(facts[0])), int(facts[1]) << 10)

    def close(self) -> None:
        """Give up what the command would report."""
        if self._report is not None:
            self._report.close()


def spawn(command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any) -> Child:
    """Start a command so that its own peak of resident memory can be told.

    On Linux, where ``sys.executable`` is an interpreter, it always can; that costs 8 to 15 ms a
    start. Elsewhere the peak is not told.

    Parameters
    ----------
    command
        The program and its arguments.
    env
        Its environment; that of this process by default.
    options
        As ``subprocess.Popen`` takes them, but neither ``pass_fds``, ``executable`` nor ``shell``.

    Raises
    ------
    OSError
        The command cannot be started: what ``subprocess.Popen`` would raise.

    Examples
    --------
    >>> import sys
    >>> ended = spawn([sys.executable, "-c", "x = bytearray(60_000_000)"]).wait()
    >>> ended.exit_code, ended.peak is None or 60_000_000 < ended.peak < 90_000_000
    (0, True)
    """
    if sys.platform != "linux" or not sys.executable:
        return Child(subprocess.Popen(list(command), env=env, **options), None)  # noqa: S603 - an argument list, no shell
    environment = dict(os.environ if env is None else env)
    locale = "=" + environment["LC_CTYPE"] if "LC_CTYPE" in environment else ""
    ours, theirs = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list, no shell
            [sys.executable, "-I", "-S", "-c", _BETWEEN, str(theirs), locale, *command],
            env=environment,
            pass_fds=(theirs,),
            **options,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    number = _first_line(ours)
    if number == 0:
        return Child(process, ours)
    os.close(ours)
    process.communicate()
    if number is None:
        raise OSError(f"what was to start {command[0]!r} ended before it did")
    raise OSError(number, os.strerror(number), command[0])


def _first_line(report: int) -> int | None:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(report, 1)
        if not byte:
            return None
        line += byte
    return int(line)
