"""What is changed by hand between the steps of a run, as records of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.runs.records import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pforge_lab.runs.keeping import Keeper
    from pforge_lab.runs.scope import Scope
    from pforge_lab.runs.timeline import Timeline


class Editing:
    """Keeps edits: values that were given, and what was changed in place. A base of `Stepping`."""

    _timeline: Timeline
    _scope: Scope
    _keeper: Keeper

    @cached_property
    def _verify(self) -> bool:
        return bool(self._timeline.journal.definition()["verify"])

    def edit(self, values: Mapping[str, Any]) -> StepRecord:
        """Give variables other values, as an ``edited`` record."""
        self.note_edits()
        held = self._scope.held()  # what the new values hold of the run's objects is held by them too
        examine = held.union(values)
        record = self._keeper.accept(
            self._edited(), {**self._scope.values(), **values}, last=True, examine=examine
        )
        self._scope.expose(*values)  # the caller may hold what it passed
        return record

    def is_edited(self) -> bool:
        """Return whether something was changed in place since the last record."""
        held = self._scope.suspects(everywhere=self._verify) if self._timeline.is_kept() else ()
        return bool(held and self._changed(held))

    def note_edits(self, *, verify: bool | None = None) -> None:
        """Turn what was changed in place since the last record into an ``edited`` record."""
        held = self._scope.suspects(everywhere=self._verify if verify is None else verify)
        if held and self._changed(held):
            self._keeper.accept(self._edited(), self._scope.values(), last=False, examine=held)
        self._scope.examined()

    def _changed(self, held: Collection[str]) -> bool:
        """Return whether what somebody may hold differs from its snapshot; what is not loaded does not."""
        return bool(self._scope.changes(self._scope.snapshot(self._scope.seen(), examine=held)))

    def _edited(self) -> Callable[..., StepRecord]:
        """Return what makes the record of an edit."""
        now, reading = datetime.now(UTC), meter.exit(meter.enter())
        position = self._timeline.position + 1
        return partial(StepRecord, position, None, "edit", "", "edited", now, 0.0, attempts=0, memory=reading)
