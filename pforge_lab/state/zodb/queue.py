"""Transactions that wait for each other: whoever leads commits for all who wait."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from pforge_lab.interrupts import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.state.transaction import Overlay

T = TypeVar("T")

_SHARE = 0.25  # of a commit that the next may wait for those who are expected, and ...
_LONGEST = 0.005  # seconds at most: the commit may have waited for another process


class Job:
    """One transaction that a caller waits for, and what became of it.

    Attributes
    ----------
    work
        What to do in the transaction.
    durable
        Whether its caller waits until it is on the disk itself.
    done
        Whether it has been committed or has failed.
    result, error
        What became of it.
    leads
        Whether its thread is the one that commits next.
    turn
        Held until there is something for its thread to do: to go on, or to lead.
    """

    __slots__ = ("done", "durable", "error", "leads", "result", "turn", "work")

    def __init__(self, work: Callable[[Overlay], Any], *, durable: bool = True) -> None:
        self.work = work
        self.durable = durable
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class CommitQueue:
    """Group commit without a thread of its own.

    The first to come leads: its thread commits all that wait, wakes them, and hands the lead
    to the first of those who came meanwhile. A single thread never waits for another; where several
    write one after the other, who leads gives those whose commit has just ended a moment to come again:
    else every other commit would have but one of them.

    Parameters
    ----------
    commit
        Commits jobs together and sets ``done`` on each.
    """

    def __init__(self, commit: Callable[[list[Job]], None]) -> None:
        self._commit = commit
        self._waiting: list[Job] = []
        self._led = False
        self._expected = 1  # as many as took part in the last commit, or waited when it ended
        self._patience = 0.0  # seconds to wait for them
        self._mutex = threading.Lock()
        self._committing = threading.Lock()

    def run(self, work: Callable[[Overlay], Any], *, durable: bool = True) -> Any:
        """Return what ``work`` returned once it is committed, or raise what it raised."""
        job = Job(work, durable=durable)
        try:
            if not self._join(job):
                job.turn.acquire()  # also when the lead was handed over meanwhile: that lets go of it once
            if job.leads:
                with uninterrupted():
                    self._lead(job)
        except BaseException:
            self._leave(job)
            raise
        if job.error is not None:
            raise job.error
        return job.result

    def between(self, call: Callable[[], T], busy: T) -> T:
        """Return what ``call`` returns while no commit is under way, or ``busy`` at once when one is."""
        if not self._committing.acquire(blocking=False):
            return busy
        try:
            return call()
        finally:
            self._committing.release()

    def close(self, last: Callable[[], None]) -> None:
        """Call ``last`` when no commit is under way."""
        with self._committing:
            last()

    def _join(self, job: Job) -> bool:
        """Have a job wait for the next commit; return whether its thread leads at once."""
        with self._mutex:
            self._waiting.append(job)
            leads = job.leads = not self._led
            self._led = True
        return leads

    def _lead(self, leader: Job) -> None:
        self._gather()
        with self._mutex:
            jobs, self._waiting = self._waiting, []
        started = time.perf_counter()
        try:
            with self._committing:
                self._commit(jobs)
        finally:
            self._patience = min((time.perf_counter() - started) * _SHARE, _LONGEST)
            for job in jobs:
                job.turn.release()
            self._hand_over(leader, len(jobs))

    def _gather(self) -> None:
        """Wait until all are here who are expected, but no longer than a part of a commit."""
        until = time.perf_counter() + self._patience
        while len(self._waiting) < self._expected and time.perf_counter() < until:
            time.sleep(0)  # lets the others go on, who hold no lock that is needed here

    def _hand_over(self, leader: Job, done: int = 0) -> None:
        with self._mutex:
            self._expected = done + len(self._waiting)
            leader.leads = False
            successor = self._waiting[0] if self._waiting else None
            self._led = successor is not None
            if successor is not None:
                successor.leads = True
        if successor is not None:
            successor.turn.release()

    def _leave(self, job: Job) -> None:
        """Withdraw a job whose thread was interrupted while it waited: nobody shall store it later."""
        with self._mutex, contextlib.suppress(ValueError):
            self._waiting.remove(job)
        if job.leads:
            self._hand_over(job)
