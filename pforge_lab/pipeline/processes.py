"""Child processes: run to the end, or ended with all their children."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from pforge_lab.errors import ToolError
from pforge_lab.meter.children import Child, spawn

from .calls import Call, Cancelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GRACE: Final = 2.0
"""Seconds between asking a process to end and ending it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process left.

    Attributes
    ----------
    exit_code
        Negative for the signal that ended it.
    peak
        Its peak of resident memory in bytes, or None where it cannot be told.
    """

    stdout: str
    stderr: str
    exit_code: int
    peak: int | None


def execute_command(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str | None, stream: bool, tool: str,
    call: Call,
) -> Finished:  # fmt: skip
    """Run a command and return what it left.

    Raises
    ------
    ToolError
        It cannot be started.
    StepTimeout
        It took longer than ``call.timeout``; it was ended, with its children.
    """
    child = _started(command, cwd, env, tool, piped=stdin is not None)
    ended = _Ender(child.process)
    forget = call.stop.add(ended) if call.stop is not None else None
    try:
        return _watch(child, ended, stdin, stream=stream, tool=tool, call=call)
    except BaseException:
        ended()
        raise
    finally:
        if forget is not None:
            forget()
        _close(child)


def _started(command: Sequence[str], cwd: Path, env: Mapping[str, str], tool: str, *, piped: bool) -> Child:
    try:
        return spawn(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except FileNotFoundError:
        raise ToolError(
            f"{tool!r}: the command {command[0]!r} was not found; install it, or give its path", tool=tool
        ) from None
    except OSError as error:
        raise ToolError(
            f"{tool!r}: the command {command[0]!r} cannot be started: {error.strerror}", tool=tool
        ) from None


def _watch(
    child: Child, ended: _Ender, stdin: str | None, *, stream: bool, tool: str, call: Call,
) -> Finished:  # fmt: skip
    process = child.process
    lines: queue.SimpleQueue[tuple[str, bytes | None]] = queue.SimpleQueue()
    for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
        threading.Thread(target=_read, args=(name, pipe, lines), daemon=True).start()
    if stdin is not None and process.stdin is not None:
        threading.Thread(target=_write, args=(process.stdin, stdin.encode()), daemon=True).start()
    deadline = None if call.timeout is None else time.monotonic() + call.timeout
    kept: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    open_pipes = 2
    while open_pipes:
        try:
            name, line = lines.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0))
        except queue.Empty:
            ended()
            raise call.overrun(tool, "was ended with its children") from None
        if line is None:
            open_pipes -= 1
            continue
        kept[name].append(line)
        if stream and call.listener is not None:
            call.listener.output_line(call.label, name, line.decode(errors="replace").rstrip("\r\n"))
    left = child.wait(deadline)
    if call.stop is not None and call.stop.event.is_set():
        raise Cancelled
    if left is None:
        ended()
        raise call.overrun(tool, "was ended with its children")
    stdout, stderr = (b"".join(kept[name]).decode(errors="replace") for name in ("stdout", "stderr"))
    return Finished(stdout, stderr, left.exit_code, left.peak)


def _read(name: str, pipe: IO[bytes] | None, lines: queue.SimpleQueue[tuple[str, bytes | None]]) -> None:
    with contextlib.suppress(ValueError, OSError):  # the pipe is closed when the process is ended
        for line in pipe or ():
            lines.put((name, line))
    lines.put((name, None))


def _write(pipe: IO[bytes], data: bytes) -> None:
    with (
        contextlib.suppress(BrokenPipeError, ValueError, OSError),
        pipe,
    ):  # a command need not read all its input
        pipe.write(data)


class _Ender:
    """Ends a process and its children: asks first, then insists."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            if self._process.returncode is not None:
                return
            family = _family(self._process.pid)
            self._signal(family, force=False)
            if not _gone(family, GRACE):
                self._signal(family, force=True)
                _gone(family, GRACE)

    def _signal(self, family: list[object], *, force: bool) -> None:
        import psutil  # noqa: PLC0415 -- loaded when a process has to be ended

        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL if force else signal.SIGTERM)
        for member in family:
            if isinstance(member, psutil.Process):
                with contextlib.suppress(psutil.Error):
                    member.kill() if force else member.terminate()


def _family(pid: int) -> list[object]:
    """Return a process and its descendants."""
    import psutil  # noqa: PLC0415 -- loaded when a process has to be ended

    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def _gone(family: list[object], seconds: float) -> bool:
    """Wait until all have ended; return whether they have."""
    import psutil  # noqa: PLC0415 -- loaded when a process has to be ended

    deadline = time.monotonic() + seconds
    while True:
        alive = [m for m in family if isinstance(m, psutil.Process) and _alive(m)]
        if not alive:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)


def _alive(process: object) -> bool:
    import psutil  # noqa: PLC0415 -- loaded when a process has to be ended

    assert isinstance(process, psutil.Process)  # noqa: S101 -- what _family returns
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _close(child: Child) -> None:
    process = child.process
    child.close()
    if process.returncode is None:
        with contextlib.suppress(ChildProcessError, subprocess.TimeoutExpired):
            process.wait(GRACE)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError, ValueError):
                pipe.close()
