"""Recording a namespace that others execute code in: each piece of code becomes a step of a run."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.runs.cells import with_child_peak
from pforge_lab.runs.changeable import is_atom
from pforge_lab.runs.encoding import encoded
from pforge_lab.runs.exclusion import Exclusion, told_of
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.ledger import Ledger
from pforge_lab.runs.readable import Readable
from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.snapshots import Snapshots
from pforge_lab.runs.surroundings import Surroundings, changes_at
from pforge_lab.runs.wholeness import is_whole
from pforge_lab.state import StateManager

if TYPE_CHECKING:
    from collections.abc import Collection, MutableMapping

    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.run import Run

_OF_THE_SHELL = re.compile(r"_{1,3}|_i{0,3}\d*|_(dh|oh|ih)|In|Out|get_ipython|exit|quit|open|__\w+__")

_OURS = (Readable, StateManager)  # doors to runs are no variables of one


class NamespaceRecorder:
    """Keeps a namespace after each piece of code, as the variables of a run.

    Nothing of the namespace is held on to between pieces of code: what the user deletes is freed.

    Parameters
    ----------
    run
        The run; its position is what the namespace is in step with.
    namespace
        The variables.
    hidden
        Names that are no variables of the user's.
    snapshots
        Whether the values are kept, or only what is told of them.

    Notes
    -----
    A large array or frame that nothing but its variable holds, and that the code does not name, is
    taken to be as it was; everything else is pickled after each piece of code, and what is new of it is
    written.
    """

    def __init__(
        self,
        run: Run,
        namespace: MutableMapping[str, Any],
        hidden: Collection[str] = (),
        *,
        snapshots: bool = True,
    ) -> None:
        self.run = run
        self._namespace = namespace
        self._hidden = frozenset(hidden)
        self._takes = snapshots
        self._snapshots = Snapshots(run.state, here=True)
        self._exclusion = Exclusion.of(run.head.exclude)
        self._manifest = run.timeline.manifest(run.position)
        self._ledger = Ledger()
        self._same: dict[str, int] = {}
        self._surroundings = Surroundings.here() if snapshots else None

    def of(self, run: Run) -> NamespaceRecorder:
        """Return a recorder of the same namespace, as it is now, for another run of the same store."""
        other = NamespaceRecorder(run, self._namespace, self._hidden, snapshots=self._takes)
        other._manifest, other._same = self._manifest, self._same
        other._surroundings = self._surroundings
        return other

    def restore(self) -> dict[str, str]:
        """Give the namespace the variables of the run's position; return what could not be kept, with the reason.

        Before them this process is given what the code had changed around it, as modules may be found by that.

        Raises
        ------
        RunError
            The working folder is gone.
        """
        self._surround()
        self._namespace.update(self._snapshots.load(self._manifest))
        lost = dict(self._manifest.not_kept)
        self._manifest = replace(self._manifest, not_kept={})  # the next code is not what removes them
        return lost

    def rewind(self) -> list[str]:
        """Make the namespace what it was at the run's position: what was not there then is removed.

        What is as it was stays the object that it is. Returns the names of what could not be kept: it
        is left as it is.
        """
        manifest = self.run.timeline.manifest(self.run.position)
        variables = self._variables()
        changed = manifest.changed_since(self._manifest)
        wanted = {name for name in manifest.prints if name in changed or name not in variables}
        for name in variables.keys() - manifest.prints.keys() - manifest.not_kept.keys():
            del self._namespace[name]
        self._namespace.update(self._snapshots.load(manifest, wanted))
        self._follow(manifest)
        return sorted(manifest.not_kept)

    def join(self) -> None:
        """Begin with a namespace that is not the run's: it gets what it lacks, and what differs is an edit.

        Nothing that the namespace has is replaced or removed. What the code of the run had changed around it
        is changed here too.
        """
        self._surround()
        variables = self._variables()
        lacks = self._manifest.prints.keys() - variables.keys()
        if lacks:
            loaded = self._snapshots.load(self._manifest, lacks)
            self._namespace.update({name: value for name, value in loaded.items() if name in lacks})
        if self.has_changed():
            now, reading = datetime.now(UTC), meter.exit(meter.enter())
            edit = StepRecord(0, None, "edit", "", "edited", now, 0.0, attempts=0, memory=reading)
            self.keep(edit, last=True)
        else:
            self._follow(self._manifest)

    def _surround(self) -> None:
        """Make the changes around the code that it had made at the run's position, when they are the user's own."""
        changes = changes_at(self.run.timeline, self.run.position)
        if changes is not None:
            changes.apply()

    def seed(self) -> None:
        """Keep the namespace as the variables that the run starts with."""

        def reseed() -> Manifest:
            manifest = self._take(None)
            self.run.timeline.journal.reseed(self.run.head, manifest, self._snapshots.chunks)
            return manifest

        self._follow(until_kept(reseed, self._snapshots.forget))

    def has_changed(self) -> bool:
        """Return whether the namespace differs from the run's variables."""
        return bool(self._take(None).changed_since(self._manifest))

    def _follow(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._same = {name: id(value) for name, value in self._variables().items()}
        self.run.follow(manifest)

    def begin(self) -> None:
        """Take the right to advance the run."""
        self.run.timeline.begin()

    def end(self) -> None:
        """Give the right to advance the run back."""
        self.run.timeline.settle()

    def keep(
        self, record: StepRecord, named: Collection[str] | None = None, *, last: bool = False
    ) -> StepRecord:
        """Keep a record and the namespace after it, both or neither.

        Parameters
        ----------
        record
            Of the code that was executed.
        named
            The names in that code and in functions it may call; None when that cannot be told.
        last
            The right to advance the run is given back with it.

        Raises
        ------
        StateError
            The store did not take them; the run stands where it was.
        """
        around = {} if self._surroundings is None else self._surroundings.changes(self._exclusion).to_json()
        record = replace(record, index=self.run.position + 1, around=around)

        def accept() -> tuple[StepRecord, Manifest]:
            manifest = self._take(named)
            changed = tuple(sorted(manifest.changed_since(self._manifest)))
            account = self._ledger.examine(
                self._present(manifest), changed=changed, budget=max(0.001, record.seconds / 50)
            )
            full = replace(record, changed=changed, sizes=account.sizes, not_kept=dict(manifest.not_kept))
            self.run.timeline.accept(full, manifest, self._snapshots.chunks, last=last)
            return full, manifest

        kept, manifest = until_kept(accept, self._snapshots.forget)
        self._follow(manifest)
        return kept

    def fail(self, record: StepRecord) -> None:
        """Log code that raised and ended the execution: it takes no position."""
        self.run.timeline.log_failure(replace(record, index=self.run.position + 1))

    def note_child_peak(self, peak: int) -> None:
        """Add to the last record what its child processes held, in bytes."""
        timeline = self.run.timeline
        record = with_child_peak(timeline.records[-1], peak)
        timeline.records[-1] = record
        lines = timeline.head.lines
        key = timeline.journal.key(lines.number, lines.position, "record")
        self.run.state.set(key, encoded(record.to_json()), ttl=float("inf"))

    def _variables(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in list(self._namespace.items())
            if name not in self._hidden and not isinstance(value, _OURS) and not _OF_THE_SHELL.fullmatch(name)
        }

    def _present(self, manifest: Manifest) -> dict[str, Any]:
        variables = self._variables()
        return {name: variables[name] for name in manifest.prints if name in variables}

    def _take(self, named: Collection[str] | None) -> Manifest:
        examine = None if named is None else self._examine(named)
        variables = self._variables()
        lost = self._exclusion.reasons(variables)
        if not self._takes:
            lost = dict.fromkeys(variables, "snapshots are off") | lost
        kept = {name: value for name, value in variables.items() if name not in lost}
        before = self._manifest
        if examine is not None:
            examine |= kept.keys() ^ (before.prints.keys() | before.not_kept.keys())
        manifest = self._snapshots.take(kept, before, examine, flush=False)
        told = {name: told_of(variables[name]) for name in lost}
        return (
            replace(manifest, not_kept=manifest.not_kept | lost, told=manifest.told | told)
            if lost
            else manifest
        )

    def _examine(self, named: Collection[str]) -> set[str]:
        """Return what the code may have changed: all but what is whole, nobody else's, the same, and not named."""
        namespace, same = self._namespace, self._same
        return {  # values get no name here: that would be a holder more
            name
            for name in self._variables()
            if name in named
            or same.get(name) != id(namespace[name])
            or not (
                is_atom(namespace[name])
                or isinstance(namespace[name], types.ModuleType)
                or (is_whole(namespace[name]) and _holders(namespace, name) <= _ALONE)
            )
        }


def _holders(values: MutableMapping[str, Any], name: str) -> int:
    return sys.getrefcount(values[name])


_ALONE = _holders({"": object()}, "")
