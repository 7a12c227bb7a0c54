"""The one that writes: changes of a group of jobs, in one commit."""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transaction.interfaces import TransientError
from ZODB.blob import Blob
from ZODB.POSException import ConflictError, POSKeyError

from pforge_lab.errors import OutcomeUnknown, StateError
from pforge_lab.interrupts import uninterrupted
from pforge_lab.state.transaction import Drop, Overlay, Put, Touch
from pforge_lab.state.zodb.faults import fault
from pforge_lab.state.zodb.layout import (
    CACHED_BYTES,
    INLINE_BYTES,
    PLAIN,
    RECORD_BYTES,
    entry_of,
    entry_until,
    expiry_of,
    head_of,
)
from pforge_lab.state.zodb.queue import CommitQueue, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.state.transaction import Change
    from pforge_lab.state.zodb.layout import Value
    from pforge_lab.state.zodb.turns import Turns
    from pforge_lab.state.zodb.view import View

#: Conflicts with other processes are tried again for this many seconds.
PATIENCE = 30.0
_CONFLICTS = 3  # after which a commit is attempted while nobody else writes
_SWEEP = 5_000  # keys that one transaction of a sweep removes at most
_READS = 64  # after a commit that its connection answers: a view of one's own is faster in the long run
#: What `Writer.look` returns when somebody else has to look.
ELSEWHERE = object()


class Writer:
    """Group commit: jobs that arrive while one commit is under way share the next one.

    Each job is atomic for itself: it sees the changes of those before it, and one that
    raises changes nothing. A commit that fails as a whole is tried again job by job, so that
    a value too large for the disk fails alone; not when it failed at a moment at which it may have
    been stored.

    Parameters
    ----------
    view
        Used by nobody else.
    published
        Called after each commit, before its jobs are told.
    temporary
        Folder for large values on their way in, on the same disk as the store; None if the
        store keeps them as records like the others.
    shared
        Whether other processes write too.
    dead
        Called with the size of each large value that was replaced or removed.
    patient
        Called before each commit with whether it has to wait for the disk.
    turns
        An attempt reads and commits within a turn; after a few conflicts, within one alone.
    """

    def __init__(
        self,
        view: View,
        url: str,
        *,
        published: Callable[[], None],
        temporary: Path | None,
        shared: bool,
        dead: Callable[[int], None],
        patient: Callable[[bool], None],
        turns: Turns,
    ) -> None:
        self._view = view
        self._patient = patient
        self._turns = turns
        self._url = url
        self._published = published
        self._temporary = temporary
        self._shared = shared
        self._dead = dead
        self._stored: list[Value] = []  # in the commit under way
        self._queue = CommitQueue(self._commit_all)
        self._reads = 0  # left to be answered here, to the thread that ...
        self._thread: int | None = None  # ... has committed last
        self._newest = False  # whether the view is of the newest transaction

    def run(self, work: Callable[[Overlay], Any], *, durable: bool = True) -> Any:
        """Run ``work`` in a transaction, return what it returned or raise what it raised.

        A commit waits for the disk as soon as one of its jobs is ``durable``.
        """
        return self._queue.run(work, durable=durable)

    def look(self, read: Callable[[View], Any]) -> Any:
        """Return what ``read`` finds in the newest transaction, or ELSEWHERE.

        Only the thread that has committed last is answered, a few times: what it has just written is in
        memory here, and any other view would have to read it from the disk. Nobody waits for it.
        """
        if self._reads <= 0 or self._thread != threading.get_ident():
            return ELSEWHERE
        self._reads -= 1
        return self._queue.between(lambda: self._look(read), ELSEWHERE)

    def _look(self, read: Callable[[View], Any]) -> Any:
        if not self._view.connection.opened:
            return ELSEWHERE
        if not self._newest:
            with uninterrupted():
                self._view.refresh(None)
            self._newest = True
        try:
            return read(self._view)
        except (ConflictError, POSKeyError, FileNotFoundError):  # compacted meanwhile
            return ELSEWHERE

    def sweep(self, now: float) -> int:
        """Remove what has expired by ``now``; return how many keys."""
        total = 0
        while count := self.run(lambda overlay: self._sweep_some(overlay, now)):
            total += count
        return total

    def _sweep_some(self, overlay: Overlay, now: float) -> int:
        expired: list[str] = []
        for key in self._view.expiry.until(now):
            expires = expiry_of(self._view.tree[key])
            if expires is not None and expires <= now:
                expired.append(key)
            if len(expired) == _SWEEP:
                break
        overlay.changes.update(dict.fromkeys(expired, Drop()))
        return len(expired)

    def close(self) -> None:
        """Wait for the commit under way and give the connection back."""
        self._queue.close(self._view.close)

    def _commit_all(self, jobs: list[Job]) -> None:
        try:
            self._commit(jobs)
        except OutcomeUnknown as error:  # to try again could store it twice
            for job in jobs:
                job.error = job.error or error
        except Exception as error:  # noqa: BLE001 - handed to the callers that wait
            if len(jobs) == 1:
                jobs[0].error = fault(error, self._url)
            else:
                for job in jobs:
                    self._commit_all([job])
        except BaseException:
            for job in jobs:
                job.error = StateError(
                    f"storing in {self._url} was interrupted; read it again to see what is stored",
                    url=self._url,
                )
            raise
        finally:
            for job in jobs:
                job.done = True

    def _commit(self, jobs: list[Job]) -> None:
        deadline = time.monotonic() + PATIENCE
        self._newest = False
        for attempt in range(1_000_000):
            try:
                with self._turns.shared() if attempt < _CONFLICTS else self._turns.alone():
                    self._view.refresh(None)
                    self._attempt(jobs)
            except TransientError as error:
                self._view.forget()
                if attempt >= _CONFLICTS and time.monotonic() > deadline:  # the time may be that of a turn
                    raise StateError(
                        f"{self._url} is too busy: others changed the same keys for {PATIENCE:.0f} s; try again"
                    ) from error
                time.sleep(random.uniform(0, min(0.05, 0.001 * 2 ** min(attempt, 7))))  # noqa: S311 - jitter, no secret
            except BaseException:
                self._view.forget()
                raise
            else:
                self._reads, self._thread = _READS, threading.get_ident()
                self._published()
                return

    def _attempt(self, jobs: list[Job]) -> None:
        files: list[Path] = []
        dead: list[int] = []
        self._stored.clear()
        try:
            for job in jobs:
                overlay = self._worked(job)
                for key, change in sorted(overlay.changes.items()) if overlay is not None else ():
                    self._apply(key, change, files, dead)
                if self._shared and overlay is not None and overlay.changes:
                    for key in sorted(overlay.looked_at - overlay.changes.keys()):
                        self._pin(key)
            self._patient(any(job.durable for job in jobs))
            self._finish()
        finally:
            for file in files:
                file.unlink(missing_ok=True)
        # Written by now; the cache would keep what nobody reads through this view.
        for stored in self._stored:
            stored._p_deactivate()  # noqa: SLF001 - persistent's public protocol
        self._stored.clear()
        for size in dead:
            self._dead(size)

    def _finish(self) -> None:
        transaction = self._view.manager.get()
        try:
            self._view.manager.commit()
        except Exception as error:
            if not transaction.voted:
                raise
            said = " ".join(str(error).split()) or type(error).__name__
            raise OutcomeUnknown(
                f"{self._url} failed while it was storing ({said}); it is not known whether this was stored: read it again",
                url=self._url,
            ) from error

    def _worked(self, job: Job) -> Overlay | None:
        """Run a job; return its changes, or None if it raised, which concerns this job alone."""
        overlay = Overlay(self._view.get, self._view.expires)
        job.error = None
        try:
            job.result = job.work(overlay)
        except TransientError:
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the caller that waits for this job
            job.error = error
            return None
        return overlay

    def _apply(self, key: str, change: Change, files: list[Path], dead: list[int]) -> None:
        tree, expiry = self._view.tree, self._view.expiry
        old = tree.get(key)
        plain = old is None or (type(old) is bytes and old[0] == PLAIN)
        if plain and type(change) is Put and change.expires is None and len(change.value) <= INLINE_BYTES:
            tree[key] = entry_of(change.value, None)  # small before and after, as most are
            return
        old_expires = None if old is None else expiry_of(old)
        if old_expires is not None:
            expiry.discard(key, old_expires)
        if (
            old is not None
            and not isinstance(change, Touch)
            and not isinstance(old, bytes)
            and isinstance(old[1], Blob)
        ):
            dead.append(head_of(old).size)
        if isinstance(change, Drop):
            if old is not None:
                del tree[key]
            return
        if change.expires is not None:
            expiry.add(key, change.expires)
        tree[key] = (
            self._entry(change, files) if isinstance(change, Put) else entry_until(old, change.expires)
        )

    def _pin(self, key: str) -> None:
        """Write the leaf of a key that was only looked at, so that another process that changes it is a conflict."""
        tree = self._view.tree
        entry = tree.get(key)
        if entry is not None:
            tree[key] = entry
        else:
            tree[key] = b"\0"
            del tree[key]

    def _entry(self, change: Put, files: list[Path]) -> Any:
        if self._temporary is None or len(change.value) <= RECORD_BYTES:
            entry = entry_of(change.value, change.expires)
            if len(change.value) > CACHED_BYTES:
                self._stored.append(entry[1])
            return entry
        descriptor, name = tempfile.mkstemp(dir=self._temporary)  # mode 0600
        files.append(Path(name))
        with os.fdopen(descriptor, "wb") as file:
            file.write(change.value)
        return entry_of(change.value, change.expires, Path(name))
