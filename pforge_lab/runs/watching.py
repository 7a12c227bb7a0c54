"""Who looks on while a run moves: told of each step as it starts and as its record is kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pforge_lab.quick import quickly_made

if TYPE_CHECKING:
    from pforge_lab.runs.records import StepRecord

logger = logging.getLogger(__name__)

Kind = Literal["started", "kept", "ended", "moved", "forked"]


@quickly_made
@dataclass(frozen=True, slots=True)
class Event:
    """One move of a run.

    Attributes
    ----------
    kind
        ``started`` (a step begins), ``kept`` (its record was accepted), ``ended`` (no step is under
        way any more: all went well, or one failed or was interrupted), ``moved`` (to another position) or
        ``forked`` (another run was made of this one, which stays where it is).
    label
        Of the step, or None for a move.
    record
        What was kept, or None.
    fork, position
        Id of the fork, and where it leaves this run; else None.
    """

    kind: Kind
    label: str | None = None
    record: StepRecord | None = None
    fork: str | None = None
    position: int | None = None


Watcher = Callable[[Event], object]


class Watchers:
    """Those who look on. They are called in the thread that moves the run, so they should be quick.

    One that raises is logged and not called again: a view that is broken must not cost a step.

    Attributes
    ----------
    present
        Those there are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.present: tuple[Watcher, ...] = ()

    def add(self, watcher: Watcher) -> Callable[[], None]:
        """Call ``watcher`` from now on; returns what takes it away again."""
        with self._lock:
            self.present = (*self.present, watcher)

        def remove() -> None:
            with self._lock:
                self.present = tuple(each for each in self.present if each is not watcher)

        return remove

    def __call__(
        self,
        kind: Kind,
        label: str | None = None,
        record: StepRecord | None = None,
        *,
        fork: str | None = None,
        position: int | None = None,
    ) -> None:
        """Tell all of them."""
        if not self.present:
            return
        event = Event(kind, label, record, fork, position)
        for watcher in self.present:
            try:
                watcher(event)
            except Exception:
                logger.exception("%r looked on at a run and raised; it is not told of it any more", watcher)
                with self._lock:
                    self.present = tuple(each for each in self.present if each is not watcher)
