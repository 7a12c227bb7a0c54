"""The one atomic way to move a run on in its store."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateConflict
from pforge_lab.runs.cell import without_steps
from pforge_lab.runs.deferring import Added, Deferring
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.generation import CREATED, GENERATION, ChunksCollected, ChunksWritten, token
from pforge_lab.runs.lease import SECONDS, holder, new_lease, renewer
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.retention import slim

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pforge_lab.errors import PforgeError
    from pforge_lab.runs.chunks import Chunks
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.retention import Place


class Journal(Deferring):
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

    @property
    def is_ours(self) -> bool:
        """Whether this process advances the run."""
        return self._lease is not None

    def begin(self, head: Head) -> None:
        """Take the lease and write the head, in one transaction.

        It outlives this process without waiting for the disk: a power cut ends the process too, and may
        take the note that it was at work, never a record.

        Raises
        ------
        RunBusy
            A live process holds the lease, or has moved the run on meanwhile.
        """
        self._lease, mine = self._free(), new_lease()
        try:
            self._write(head, {}, lease=mine, durable=False)
        except BaseException:
            self._lease = None
            raise
        self._lease = mine
        renewer.add(self.state, self._lease_key)

    def _free(self) -> bytes | None:
        """Return the lease that a gone process has left, or None; refuse while a live one holds it."""
        before = self.state.get(self._lease_key)
        if before is None:
            return None
        owner = holder(before)
        if owner.alive() and not owner.is_me():
            raise self._busy(
                f"is being advanced by {owner}; wait for it, or look with at() and diff()", owner
            )
        return before

    def drop_lease(self) -> None:
        """Renew the lease no longer; what is left of it in the store is free once this process is gone."""
        renewer.remove(self.state, self._lease_key)
        self._lease = None

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
        if not removed and self._put_off(added, chunks):
            if head.status != "running":
                self.drop_lease()
            return
        self.settle()
        line, position = head.lines.number, head.lines.position
        text, since, values = self._texts(added)
        values |= self._slimmed(removed, head, values)
        self._keep(head, values, chunks)
        self._manifests.wrote(line, position, since, manifest, text)

    def _keep(self, head: Head, values: dict[str, bytes], chunks: Chunks | None) -> None:
        """Write values that name chunks, with those that are queued still; these are dropped when it fails."""
        if chunks is None:
            self._write(head, values, keeps=True)
            return
        try:
            try:
                self._write(head, values, keeps=True, chunks=chunks)
            except ChunksWritten:
                chunks.flush()
                self._write(head, values, keeps=True)
        except BaseException:
            chunks.drop()
            raise
        chunks.written()

    def add_attempt(self, head: Head, record: StepRecord, removed: Collection[Place] = ()) -> None:
        """Log a fail-fast attempt, which takes no position; snapshots are removed with it."""
        values = {self.key("attempt", head.attempts): encoded(record.to_json())}
        self._write(head, values | self._slimmed(removed, head, values))

    def _slimmed(
        self, places: Collection[Place], head: Head, values: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Return the manifests at places without what they need chunks for."""
        if not places:
            return {}
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

    def _write(
        self,
        head: Head,
        values: dict[str, bytes],
        *,
        lease: bytes | None = None,
        keeps: bool = False,
        chunks: Chunks | None = None,
        durable: bool = True,
    ) -> None:
        """Change the run, guarded; a head that is no longer ``running`` gives the lease back.

        Parameters
        ----------
        lease
            The lease to take in the same transaction.
        keeps
            The values name chunks.
        chunks
            Those that are queued, to be written in the same transaction.
        durable
            As for a batch of the store.
        """
        self.settle()
        release = self._lease is not None and head.status != "running"
        text = head.to_bytes()
        guard = {self._head: self._seen}
        if lease is not None or self._lease is not None:
            guard[self._lease_key] = self._lease
        if keeps:
            guard[GENERATION] = self._generation
        absent = chunks.absent() if chunks is not None else {}
        try:
            with self.state.batch(guard=guard | absent, durable=durable) as batch:
                for key, value in ((chunks.waiting | values) if chunks is not None else values).items():
                    batch.set(key, value, ttl=math.inf)  # whatever the store's own expiry is
                if self._seen is None:
                    batch.set(CREATED, token(), ttl=math.inf)
                batch.set(self._head, text, ttl=math.inf)
                if lease is not None:
                    batch.set(self._lease_key, lease, ttl=SECONDS)
                elif release:
                    batch.delete(self._lease_key)
        except StateConflict as error:
            raise self._refused(error, absent) from None
        self._seen = text
        if release:
            self.drop_lease()

    def _refused(self, error: StateConflict, absent: Collection[str]) -> PforgeError:
        """Return what a conflict means: chunks written meanwhile, chunks collected, or the run moved on."""
        differing = set(error.keys).difference(absent)
        if not differing:
            return ChunksWritten(str(error), url=self.state.url, keys=error.keys)
        if differing == {GENERATION}:
            self._generation = self.state.get(GENERATION)
            return ChunksCollected(str(error), url=self.state.url, keys=(GENERATION,))
        return self._moved_on()
