"""Who may write to a database that several processes share: any number at once, or one alone.

Commits share it. One that was in conflict with others several times takes it alone, and is in conflict with nobody.
So does a compaction: RelStorage looks for garbage in many short transactions, and what a commit moves meanwhile,
from a node that was not looked at yet to one that had been, is found nowhere and would be deleted.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from pforge_lab.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PATIENCE = 600.0  # seconds that a compaction, the longest turn, may take
_PAUSE = 0.002  # seconds between two tries
_OPENING, _GATE, _TURN = "opening.lock", "gate.lock", "turn.lock"


class Turns(Protocol):
    """Turns of those that write to one database, in all processes."""

    def shared(self) -> AbstractContextManager[None]:
        """Wait until nobody writes alone, and let nobody begin to within the block."""

    def alone(self) -> AbstractContextManager[None]:
        """Wait for those that write, and let nobody else write within the block."""

    def close(self) -> None:
        """Let go of what is held open."""


class NoTurns:
    """Turns of a database to which one process writes, or whose server keeps them apart."""

    def shared(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    alone = shared

    def close(self) -> None:
        """Do nothing."""


class FolderTurns:
    """Turns that processes of one machine take, by locks on two files of a folder.

    Whoever takes a turn passes the gate first. One that writes alone holds it while it waits for the others, so
    that those which come one after the other do not keep it waiting.

    Raises
    ------
    StateError
        From a turn, if it does not come within ten minutes.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Take a turn beside others."""
        with ExitStack() as turn:
            with self._locked(_GATE, alone=False):
                turn.enter_context(self._locked(_TURN, alone=False))
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Take a turn alone."""
        try:
            with self._locked(_GATE, alone=True), self._locked(_TURN, alone=True):
                yield
        finally:
            time.sleep(2 * _PAUSE)  # those that wait come before the next turn alone of this process

    def opening(self) -> AbstractContextManager[None]:
        """Wait until no other process creates tables in the folder, and let none begin to within the block.

        Some it creates when it opens the folder, that of the object ids when it stores the first object.
        """
        return self._locked(_OPENING, alone=True)

    def close(self) -> None:
        """Do nothing: files are open within a turn only."""

    @contextmanager
    def _locked(self, name: str, *, alone: bool) -> Iterator[None]:
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._wait(descriptor, alone=alone)
            try:
                yield
            finally:
                _unlock(descriptor)
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int, *, alone: bool) -> None:
        deadline = time.monotonic() + PATIENCE
        while not _try_lock(descriptor, alone=alone):
            if time.monotonic() > deadline:
                raise too_long(self._url)
            time.sleep(_PAUSE)


def _try_lock(descriptor: int, *, alone: bool) -> bool:
    """Return whether the lock was free; where locks cannot be shared, every turn is alone."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _unlock(descriptor: int) -> None:
    """Let go, whoever else has the descriptor: a child that was forked meanwhile does not keep the lock."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def too_long(url: str) -> StateError:
    """Return the error for a turn that does not come."""
    return StateError(
        f"{url} has been opened, written to or compacted by another process for {PATIENCE:.0f} s; nothing of this was stored, try again",
        url=url,
    )
