"""Child processes: run to the end, or ended with all that come from them."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from pforge_lab.errors import ToolError
from pforge_lab.meter.children import Child, spawn

from .calls import Call, Cancelled
from .family import GRACE, Family, Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_Lines = queue.SimpleQueue[tuple[str, bytes | None]]
"""What the pipes give: their name and a line, or None at their end."""

_STOPPED: Final = "stopped"
"""Stands among the names of the pipes where the call was stopped."""


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
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes | None, stream: bool, tool: str,
    call: Call,
) -> Finished:  # fmt: skip
    """Run a command and return what it left.

    It is over when it has ended and nobody holds its output open any more.

    Raises
    ------
    ToolError
        It cannot be started.
    StepTimeout
        It took longer than ``call.timeout``; it was ended, with all that come from it.
    """
    mark, lines = Mark(), _Lines()
    child = _started(command, cwd, mark.on(env), tool, piped=stdin is not None)
    family = Family(child.process, mark)

    def stop() -> None:
        family.end()
        lines.put((_STOPPED, None))

    forget = call.stop.add(stop) if call.stop is not None else None
    try:
        return _watch(child, lines, stdin, stream=stream, tool=tool, call=call)
    except BaseException:
        family.end()
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
    child: Child, lines: _Lines, stdin: bytes | None, *, stream: bool, tool: str, call: Call,
) -> Finished:  # fmt: skip
    process = child.process
    for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
        threading.Thread(target=_read, args=(name, pipe, lines), daemon=True).start()
    if stdin is not None and process.stdin is not None:
        threading.Thread(target=_write, args=(process.stdin, stdin), daemon=True).start()
    deadline = None if call.timeout is None else time.monotonic() + call.timeout
    kept: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    open_pipes = 2
    while open_pipes:
        try:
            name, line = lines.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise call.overrun(tool, "was ended with its children") from None
        if name == _STOPPED:
            raise Cancelled
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
        raise call.overrun(tool, "was ended with its children")
    stdout, stderr = (b"".join(kept[name]).decode(errors="replace") for name in ("stdout", "stderr"))
    return Finished(stdout, stderr, left.exit_code, left.peak)


def _read(name: str, pipe: IO[bytes] | None, lines: _Lines) -> None:
    """Hand on what a pipe gives, and close it: only who reads a pipe can, the others would wait for the next line."""
    if pipe is not None:
        with contextlib.suppress(OSError), pipe:
            for line in pipe:
                lines.put((name, line))
    lines.put((name, None))


def _write(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), pipe:  # a command need not read all its input
        pipe.write(data)


def _close(child: Child) -> None:
    """Give the process back to the system; the pipes are closed by the threads that use them."""
    child.close()
    if child.process.returncode is None:
        with contextlib.suppress(ChildProcessError, subprocess.TimeoutExpired):
            child.process.wait(GRACE)
