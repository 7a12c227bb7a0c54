"""What a step printed and warned about: shown as it comes, and kept, bounded."""

from __future__ import annotations

import sys
import threading
import warnings
from collections import deque
from functools import cached_property
from typing import Any, Self, TextIO

from pforge_lab.runs.records import LogLine

LIMIT = 32 << 10  # characters of the first lines, and as many of the last


class Log:
    r"""Lines in order of arrival: the first 32 KiB and the last 32 KiB of them.

    Examples
    --------
    >>> log = Log()
    >>> log.write("stdout", "one\ntw")
    >>> log.write("stdout", "o\n")
    >>> [line.text for line in log.lines()]
    ['one', 'two']
    """

    _tail_room = _room = LIMIT
    _left_out = 0

    def __init__(self) -> None:
        # One is made for every step: what most of them do not need comes when they do.
        self._head: list[LogLine] = []
        self._open: dict[str, _OpenLine] = {}
        self._lock = threading.Lock()

    @cached_property
    def _tail(self) -> deque[LogLine]:
        return deque()

    def write(self, stream: str, text: str) -> None:
        """Add text as it was written; lines are kept once they are complete."""
        with self._lock:
            line = self._open.setdefault(stream, _OpenLine())
            *whole, rest = text.split("\n")
            for part in whole:
                line.add(part)
                self._add(LogLine(stream, line.end()))
            line.add(rest)

    def _add(self, line: LogLine) -> None:
        cost = len(line.text) + 1
        if self._room >= cost and not self._tail:
            self._head.append(line)
            self._room -= cost
            return
        self._room = 0
        self._tail.append(line)
        self._tail_room -= cost
        while self._tail_room < 0 and len(self._tail) > 1:
            self._tail_room += len(self._tail.popleft().text) + 1
            self._left_out += 1

    def lines(self) -> tuple[LogLine, ...]:
        """Return what was kept, unfinished lines included; a line says how many were left out."""
        if not self._open:  # nothing was ever written
            return ()
        with self._lock:
            for stream, line in self._open.items():
                if rest := line.end():
                    self._add(LogLine(stream, rest))
            gap = [LogLine("stdout", f"… {self._left_out} lines left out …")] if self._left_out else []
            return (*self._head, *gap, *self._tail)


class _OpenLine:
    """A line that is still being written, as a terminal shows it: a carriage return starts it anew."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = LIMIT

    def add(self, text: str) -> None:
        """Add what was written; what goes beyond the limit is left out."""
        if "\r" in text.rstrip("\r"):
            text = text.rstrip("\r").rpartition("\r")[2]
            self.end()
        elif self._parts and self._parts[-1].endswith("\r") and text:
            self.end()
        if text and self._room > 0:
            self._parts.append(text[: self._room])
            self._room -= len(text)

    def end(self) -> str:
        """Return the line and begin another."""
        line = "".join(self._parts).rstrip("\r")
        self._parts, self._room = [], LIMIT
        return line


class _Tee:
    """A text stream that also writes to the log, for the threads that belong to the step."""

    __slots__ = ("_log", "_name", "_stream")

    def __init__(self, stream: TextIO, name: str, log: Log) -> None:
        self._stream, self._name, self._log = stream, name, log

    def write(self, text: str) -> int:
        self._log.write(self._name, text)
        return self._stream.write(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Captured(Log):
    """A log that stdout, stderr and warnings are written to within its block, as well as to where they go anyway.

    Examples
    --------
    >>> with Captured() as log:
    ...     print("hello")
    hello
    >>> log.lines()
    (LogLine(stream='stdout', text='hello'),)
    """

    _before: tuple[TextIO, TextIO, Any]

    def __enter__(self) -> Self:
        out, err, _ = self._before = sys.stdout, sys.stderr, warnings.showwarning
        sys.stdout, sys.stderr = _Tee(out, "stdout", self), _Tee(err, "stderr", self)
        warnings.showwarning = self._showwarning
        return self

    def __exit__(self, *_raised: object) -> None:
        sys.stdout, sys.stderr, warnings.showwarning = self._before

    def _showwarning(  # noqa: PLR0917 - the signature of warnings.showwarning
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        self.write("warning", f"{category.__name__}: {message} ({filename}:{lineno})\n")
        _, err, show = self._before
        tee, sys.stderr = sys.stderr, err  # shown below, and already in the log
        try:
            show(message, category, filename, lineno, file, line)
        finally:
            sys.stderr = tee
