"""Steps that are put into bytes when somebody looks: a store in memory loses nothing by waiting.

A step under way in a ``memory:`` store is accepted with its record and its manifest as they are: nobody but
this process can look, and whoever looks, through any door, has the store ask for the bytes first.
What is in the store then is what would have been written at once, to the byte.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pforge_lab.runs.encoding import encoded
from pforge_lab.runs.generation import GENERATION
from pforge_lab.runs.pages import CARRIED, LEASES, Pages
from pforge_lab.state import MemoryStateManager

if TYPE_CHECKING:
    from pforge_lab.runs.chunks import Chunks
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.state import StateManager
    from pforge_lab.state.batch import BatchChanges

_MOST = 100_000  # names in manifests that wait: as many take some 10 MB


class Added(NamedTuple):
    """A record, the variables after it, and the new head."""

    head: Head
    record: StepRecord
    manifest: Manifest
    before: StepRecord | None


class Deferring(Pages):
    """What a run has written, and what it still owes a store in memory. A base of `Journal`.

    Attributes
    ----------
    items
        What is owed, in order.
    """

    def __init__(self, state: StateManager, run: str) -> None:
        super().__init__(state, run)
        self.items: list[Added] = []
        self._owed_names = 0
        self._memory = state if isinstance(state, MemoryStateManager) else None
        self._lease_key = LEASES + run
        self._lease: bytes | None = None  # while this process advances the run
        self._generation = state.get(GENERATION)  # before it is looked which chunks are there

    def settle(self) -> None:
        """Have everything that is owed stored."""
        if self._memory is not None:
            self._memory.settle()

    def changes(self) -> BatchChanges:
        """Return what is owed, as changes of the store, which owns it from then on."""
        changes: BatchChanges = {}
        for added in self.items:
            text, since, values = self._texts(added)
            changes |= {key: (value, math.inf) for key, value in values.items()}
            line, position = added.head.lines.number, added.head.lines.position
            self._manifests.wrote(line, position, since, added.manifest, text)
        if self.items:
            head = self.items[-1].head
            self._seen = head.to_bytes()
            changes[self._head] = (self._seen, math.inf)
            if head.status != "running":
                changes[self._lease_key] = None
        self.items.clear()
        self._owed_names = 0
        return changes

    def _texts(self, added: Added) -> tuple[bytes, int, dict[str, bytes]]:
        """Return how a manifest is written, since when in differences, and all values that are new but the head."""
        head, record, manifest, before = added
        line, position = head.lines.number, head.lines.position
        text, since = self._manifests.text(line, position, manifest, whole=head.keep != "all")
        values = {
            self.place_key(line, position, "record"): encoded(record.to_json(before)),
            self.place_key(line, position, "manifest"): text,
        }
        if head.carry is not None and head.status == "done":
            values[CARRIED + head.carry] = manifest.to_bytes()
        return text, since, values

    def _put_off(self, added: Added, chunks: Chunks | None) -> bool:
        """Have a store in memory accept what was added as it is; return whether it does."""
        memory = self._memory
        if memory is None or self._lease is None or self._seen is None:
            return False
        if (chunks is not None and chunks.waiting) or self._owed_names > _MOST:
            return False
        if not memory.owe(self, added, self._guard):
            return False
        self._owed_names += len(added.manifest.prints)
        return True

    def _guard(self) -> dict[str, bytes | None]:
        """Return what the store must have for a step to be accepted: nobody has moved the run or collected chunks."""
        return {self._head: self._seen, self._lease_key: self._lease, GENERATION: self._generation}
