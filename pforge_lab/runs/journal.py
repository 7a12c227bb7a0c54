"""The one atomic way to move a run on in its store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateConflict
from pforge_lab.runs.cell import without_steps
from pforge_lab.runs.deferring import Added
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.guarded import Guarded
from pforge_lab.runs.lease import new_lease, renewer
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.owner import Owner
from pforge_lab.runs.retention import slim

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pforge_lab.runs.chunks import Chunks
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.retention import Place


class Journal(Guarded):
    """One run in one state manager, to be moved on.

    Parameters
    ----------
    state
        The store.
    run
        The run's id.
    """

    def create(
        self,
        head: Head,
        definition: dict[str, Any],
        functions: bytes | None,
        start: Manifest,
        chunks: Chunks | None = None,
    ) -> None:
        """Write a new run: its definition and the variables at position 0, all or nothing.

        What of the snapshot's ``chunks`` is queued still goes with it.

        Raises
        ------
        ChunksCollected
            Chunks of the snapshot may have been collected since they were written: keep it again.
        """
        text = start.to_bytes()
        values = {
            self.key("definition"): encoded(without_steps(definition)),
            self.key(0, 0, "manifest"): text,
        }
        if functions is not None:
            values[self.key("functions")] = functions
        self._keep(head, values, chunks)
        self._manifests.wrote(0, 0, 0, start, text)

    def begin(self, head: Head) -> None:
        """Take the lease and write the head, in one transaction.

        It outlives this process without waiting for the disk: a power cut ends the process too, and may
        take the note that it was at work, never a record.

        Raises
        ------
        RunBusy
            A live process holds the lease, or has moved the run on meanwhile.
        """
        self._lease, mine = self._free(), new_lease(head.owner or Owner.me())
        try:
            self._write(head, {}, lease=mine, durable=False)
        except BaseException:
            self._lease = None
            raise
        self._lease = mine
        renewer.add(self.state, self._lease_key)

    def write_head(self, head: Head, *, durable: bool = True) -> None:
        """Replace the head alone; refused while another process advances the run."""
        if self._lease is None:
            self._free()
        self._write(head, {}, durable=durable)

    def redefine(self, head: Head, definition: dict[str, Any]) -> None:
        """Replace the definition and the head, both or neither; refused while another process advances the run."""
        if self._lease is None:
            self._free()
        self._write(head, {self.key("definition"): encoded(without_steps(definition))})

    def reseed(self, head: Head, start: Manifest, chunks: Chunks) -> None:
        """Replace the variables at position 0, of a run that has gone nowhere yet; queued chunks go with them.

        Raises
        ------
        ChunksCollected
            As `create`.
        """
        self._keep(head, {self.key(0, 0, "manifest"): start.to_bytes()}, chunks)
        self._manifests.forget()

    def add(
        self,
        head: Head,
        record: StepRecord,
        manifest: Manifest,
        before: StepRecord | None = None,
        *,
        removed: Collection[Place] = (),
        chunks: Chunks | None = None,
    ) -> None:
        """Write a record, the variables after it and the new head, all or nothing; snapshots are removed with it.

        Parameters
        ----------
        head, record, manifest
            What to write.
        before
            The record of the position before.
        removed
            Places whose snapshots go.
        chunks
            Chunks of the snapshot that are queued still; dropped when nothing was written.

        Raises
        ------
        RunBusy
            Somebody else has moved the run on meanwhile; nothing was written.
        ChunksCollected
            As `create`.
        """
        added = Added(head, record, manifest, before)
        if self._memory is not None:
            if not removed and self._put_off(added, chunks):
                if head.status != "running":
                    self.drop_lease()
                return
            self.settle()
        line, position = head.lines.number, head.lines.position
        text, since, values = self._texts(added)
        if removed:
            values |= self._slimmed(removed, head, values)
        self._keep(head, values, chunks)
        self._manifests.wrote(line, position, since, manifest, text)

    def add_attempt(self, head: Head, record: StepRecord, removed: Collection[Place] = ()) -> None:
        """Log a fail-fast attempt, which takes no position; snapshots are removed with it."""
        values = {self.key("attempt", head.attempts): encoded(record.to_json())}
        if removed:
            values |= self._slimmed(removed, head, values)
        self._write(head, values)

    def _slimmed(
        self, places: Collection[Place], head: Head, values: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Return the manifests at places without what they need chunks for."""
        keys = [self.key(line, position, "manifest") for line, position in places]
        found = self.state.get_many([key for key in keys if key not in values])
        found |= {key: values[key] for key in keys if key in values}
        return {
            key: slim(Manifest.from_json(decoded(text)), head.keep).to_bytes() for key, text in found.items()
        }

    def copy_from(
        self,
        other: Journal,
        path: list[int],
        head: Head,
        definition: dict[str, Any] | None = None,
        functions: bytes | None = None,
    ) -> None:
        """Write a new run whose one line has the records of ``other`` on the lines that ``path`` lists.

        Parameters
        ----------
        other, path, head
            The run, its lines, and where the new one stands.
        definition, functions
            Other ones than those of the run.

        Raises
        ------
        RunNotFound
            The other run was deleted meanwhile.
        ChunksCollected
            As `create`.
        """
        values: dict[str, bytes] = {}
        for position, number in enumerate(path):
            for kind in ("record", "manifest"):
                value = other.state.get(other.key(number, position, kind))
                if value is not None:
                    values[self.key(0, position, kind)] = value
        if not other.exists():
            raise other.deleted()
        if definition is None:
            definition, functions = other.definition(), other.functions()
        values[self.key("definition")] = encoded(without_steps(definition))
        if functions is not None:
            values[self.key("functions")] = functions
        self._write(head, values, keeps=True)

    def restore(self, head: Head, parts: Mapping[str, bytes]) -> None:
        """Write a new run of parts that `parts` returned.

        Raises
        ------
        ChunksCollected
            As `create`.
        """
        self._write(head, {self._prefix + name: value for name, value in parts.items()}, keeps=True)

    def delete(self) -> None:
        """Remove the run, all or nothing; its chunks are left to the next collection.

        Raises
        ------
        RunBusy
            A live process advances it.
        RunNotFound
            The store has no such run.
        """
        self.read_head()
        guard = {self._head: self._seen, self._lease_key: self._free()}
        try:
            with self.state.batch(guard) as batch:
                for key in [*self.state.keys(self._prefix), self._lease_key, self._head]:
                    batch.delete(key)
        except StateConflict:
            raise self._moved_on() from None
