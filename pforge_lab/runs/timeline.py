"""Where a run stands on its lines: records, labels, what comes next; every move goes to the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.addresses import Addresses
from pforge_lab.runs.head import touched
from pforge_lab.runs.lines import Line, Lines
from pforge_lab.runs.owner import Owner
from pforge_lab.runs.retention import Retention, wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pforge_lab.runs.chunks import Chunks
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.journal import Journal
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import RunStatus, StepRecord
    from pforge_lab.runs.retention import Keep, Place


_NONE: Sequence[Place] = ()


class Timeline(Addresses):
    """The current line of a run and the position on it.

    Parameters
    ----------
    journal
        The run's keys in its store.
    labels
        Labels of the pipeline's steps, in order.

    Notes
    -----
    What is in memory changes only after the store has taken the change.
    """

    def __init__(self, journal: Journal, labels: Sequence[str]) -> None:
        self.journal = journal
        self.labels = tuple(labels)
        self.head = journal.read_head()
        self.records: list[StepRecord] = journal.records(self.head.lines.path())
        self.freed = False  # whether snapshots were removed whose chunks are still there
        self._there: tuple[object, object, object, int | None] = (None, None, None, None)  # and what follows
        self._rule: tuple[Keep, Retention] | None = None
        self._steps: set[int | None] = set()  # of the history, as it was counted at ...
        self._counted: Lines | None = None  # ... this place

    def next_step(self) -> int | None:
        """Return the index of the step that follows here, or None at the end."""
        there = self._there
        if there[0] is self.records and there[1] is self.head.lines and there[2] is self.labels:
            return there[3]
        found = self._following(self.records, self.position)
        self._there = self.records, self.head.lines, self.labels, found
        return found

    def _following(self, records: Sequence[StepRecord], end: int) -> int | None:
        """Return the index of the step that follows the first ``end`` of some records, or None at the end."""
        # No copy: a line may have thousands of records.
        for place in range(min(end, len(records)) - 1, -1, -1):
            record = records[place]
            if record.step is not None:
                index = record.step if record.goes_to is None else record.goes_to - 1
                return index if index < len(self.labels) else None
        return 0 if self.labels else None

    def _settled(self, records: Sequence[StepRecord]) -> RunStatus:
        if self._following(records, len(records)) is None:
            return "done"
        return "paused" if records else "ready"

    def _retained(self, head: Head) -> tuple[Head, Sequence[Place]]:
        """Return the head that knows which snapshots stay, and the places of those that go."""
        if self._rule is None or self._rule[0] is not head.keep:
            self._rule = (head.keep, Retention.of(head.keep))
        amount = self._rule[1].amount(head.status)
        if amount is None and head.kept is None:
            return head, _NONE
        lines = head.lines
        here = (lines.holder(lines.position), lines.position)
        there = lines.places() if head.kept is None else dict.fromkeys((*head.kept, here))
        stay = None if amount is None else wanted(lines, amount)
        places = [(place, stay is None or place in stay) for place in there]
        self.freed = self.freed or not all(stays for _, stays in places)
        kept = tuple(place for place, stays in places if stays)
        return replace(head, kept=kept), [place for place, stays in places if not stays]

    def forked_head(self, position: int) -> Head:
        """Return the head of a new run with this one's history up to a position."""
        records = self.records[:position]
        now = datetime.now(UTC)
        lines = Lines((Line(0, None, 0, position),), 0, position)
        settled = self._settled(records)
        here, kept = self.head.lines, self.head.kept
        if kept is not None:
            kept = tuple((0, at) for at in range(position + 1) if (here.holder(at), at) in kept)
        return replace(
            self.head,
            lines=lines,
            status=settled,
            created=now,
            updated=now,
            attempts=0,
            error=None,
            kept=kept,
            **_totals(records),
        )

    # -- moves: each is one transaction ----------------------------------------------------------

    def begin(self) -> None:
        """Mark the run as being advanced by this process."""
        head = touched(self.head, status="running", owner=Owner.me(), error=None)
        self.journal.begin(head)
        self.head = head

    def settle(self) -> None:
        """Mark the run as no longer being advanced, unless how it ended is marked already.

        When the store does not take it, this process knows all the same; to others the run counts
        as interrupted once this process is gone.
        """
        if self.head.status == "running":
            self.head = touched(self.head, status=self._settled(self.history))
            try:
                self.journal.write_head(self.head)
            finally:
                self.journal.drop_lease()

    def reread(self) -> None:
        """Stand where the store says, which is further on when a write was cut short after it had landed."""
        self.head = self.journal.read_head()
        self.records = self.journal.records(self.head.lines.path())

    def follow(self) -> bool:
        """Stand where the store says if somebody else has moved the run; return whether that was so.

        Costs a read of the head, and of the records that are new.
        """
        if not self.journal.is_behind():
            return False
        before, head = self.head, self.journal.read_head()
        path = head.lines.path()
        pairs = zip(before.lines.path(), path, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        known = self.records[: max(0, same - 1)] if head.created == before.created else []
        self.head, self.records = head, self.journal.records(path, known)
        return True

    def interrupt(self) -> None:
        """Mark the run as interrupted."""
        self._write(status="interrupted")

    def move(self, there: Lines, records: list[StepRecord] | None = None) -> None:
        """Stand at another position, of another line when its ``records`` are given.

        A move makes nothing that could be lost: it outlives this process, and does not wait for the disk.
        """
        line = self.records if records is None else records
        past = line[: there.position]
        self._write(lines=there, status=self._settled(past), error=None, durable=False, **_totals(past))
        self.records = line

    def accept(self, record: StepRecord, manifest: Manifest, chunks: Chunks, *, last: bool) -> None:
        """Add a record and its snapshot after the position, on a new line when that is not the end.

        Parameters
        ----------
        chunks
            Those of the snapshot that are still queued, which are written with it.
        last
            The caller advances no further: the run's status settles in the same transaction.
        """
        head = self.head
        records = self.records[: head.lines.position]
        before = records[-1] if records else None
        if self._counted is not head.lines:
            self._steps = {known.step for known in records}
        self._counted = None  # until the store has taken it
        self._steps.add(record.step)
        records.append(record)
        lines, memory = head.lines.advanced(), record.memory
        following = self._following(records, len(records))
        head = head.changed(
            updated=datetime.now(UTC),
            lines=lines,
            steps_done=len(self._steps) - (None in self._steps),
            seconds=head.seconds + record.seconds,
            peak=head.peak if memory is None else max(memory.peak, head.peak or 0),
            status=self._settled(records) if last or following is None else head.status,
        )
        removed = _NONE
        if head.keep != "all" or head.kept is not None:
            head, removed = self._retained(head)
        self.journal.add(head, record, manifest, before, removed=removed, chunks=chunks)
        self.head, self.records, self._counted = head, records, lines
        self._there = records, lines, self.labels, following

    def log_failure(self, record: StepRecord, status: RunStatus = "failed") -> None:
        """Log an attempt that failed under fail_fast, or was interrupted; it takes no position."""
        head = touched(self.head, status=status, attempts=self.head.attempts + 1, error=record.error)
        head, removed = self._retained(head)
        self.journal.add_attempt(head, record, removed)
        self.head = head

    def _write(self, *, durable: bool = True, **changes: Any) -> None:
        head = touched(self.head, **changes)
        self.journal.write_head(head, durable=durable)
        self.head = head


def _totals(records: Sequence[StepRecord]) -> dict[str, Any]:
    return {
        "steps_done": len({record.step for record in records if record.step is not None}),
        "seconds": sum(record.seconds for record in records),
        "peak": max((record.memory.peak for record in records if record.memory), default=None),
    }
