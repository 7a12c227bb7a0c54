"""Changes of a run that land only where nobody else has moved it: guarded by its head and by the lease."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pforge_lab.errors import StateConflict
from pforge_lab.runs.deferring import Deferring
from pforge_lab.runs.generation import CREATED, GENERATION, ChunksCollected, ChunksWritten, token
from pforge_lab.runs.lease import SECONDS, holder, renewer

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.errors import PforgeError
    from pforge_lab.runs.chunks import Chunks
    from pforge_lab.runs.head import Head
    from pforge_lab.state.batch import BatchChanges


class Guarded(Deferring):
    """The right to move a run on, and the one way to write to it. The base of `Journal`."""

    @property
    def is_ours(self) -> bool:
        """Whether this process advances the run."""
        return self._lease is not None

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
        if self._memory is not None:
            self.settle()
        release = self._lease is not None and head.status != "running"
        text = head.to_bytes()
        guard = {self._head: self._seen}
        if lease is not None or self._lease is not None:
            guard[self._lease_key] = self._lease
        if keeps:
            guard[GENERATION] = self._generation
        absent, written = dict[str, bytes | None](), values.copy()
        if chunks is not None and chunks.waiting:
            absent, written = {**chunks.absent()}, chunks.waiting | values
        if self._seen is None:
            written[CREATED] = token()
        written[self._head] = text
        # Whatever the store's own expiry is.
        changes: BatchChanges = {key: (value, math.inf) for key, value in written.items()}
        if lease is not None:
            changes[self._lease_key] = (lease, SECONDS)
        elif release:
            changes[self._lease_key] = None
        try:
            self.state.store(guard | absent, changes, durable=durable)
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
