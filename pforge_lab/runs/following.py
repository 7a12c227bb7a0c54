"""A run that is open for looking only, kept where whoever advances it has brought it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pforge_lab.runs.timeline import Timeline


class Follower:
    """Looks into the store whether somebody else has moved a run.

    Parameters
    ----------
    timeline
        Where the run stands.
    moved
        Called once the timeline stands elsewhere.

    Notes
    -----
    A look costs a read of the run's head; after a move, that of the new records. Variables are read when
    they are asked for.
    """

    def __init__(self, timeline: Timeline, moved: Callable[[], None]) -> None:
        self._timeline = timeline
        self._moved = moved
        self._lock = threading.RLock()
        self._views = 0

    def look(self) -> None:
        """Bring the run where the store says, unless somebody takes a view of it or its store is closed."""
        with self._lock:
            is_open = not self._timeline.journal.state.closed
            if is_open and not self._views and self._timeline.follow():
                self._moved()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Have the run stand where it is for as long as the block lasts, so that a view of it is of one moment."""
        self.look()
        with self._lock:
            self._views += 1
        try:
            yield
        finally:
            with self._lock:
                self._views -= 1
