"""The live variables of a run, and the snapshot they were last in step with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.exclusion import Exclusion, told_of
from pforge_lab.runs.exposure import Exposure
from pforge_lab.runs.live import Live
from pforge_lab.runs.variables import Missing, Stored, Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pforge_lab.runs.chunks import Chunks
    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.live import Maker
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.snapshots import Snapshots

OUTPUT = ""  # names, in a snapshot, the output of a step that has no output_var

_NO_EXCLUSION = Exclusion()
_UNKNOWN = ("", "", "")  # what is told of a variable that was never seen here


class Scope:
    """Live variables over a snapshot; nothing is loaded before it is looked at, or a step needs it.

    Parameters
    ----------
    snapshots
        Takes and loads.
    manifest
        The snapshot the variables are in step with.
    maker
        Tells which step wrote a variable that could not be kept.
    exclusion
        Which variables are never kept. They are not rewound either: wherever the run goes in this
        process, they stay as they are.

    Attributes
    ----------
    manifest
        The snapshot the variables are in step with.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        manifest: Manifest,
        maker: Maker,
        exclusion: Exclusion = _NO_EXCLUSION,
    ) -> None:
        self._snapshots = snapshots
        self._exclusion = exclusion
        self._live = Live(snapshots, manifest, maker)
        self._stored: Stored | None = None  # for looking only
        self._exposure = Exposure()

    @property
    def manifest(self) -> Manifest:
        """The snapshot the variables are in step with."""
        return self._live.manifest

    @property
    def is_closed(self) -> bool:
        """Whether all variables are loaded and none of them can be changed in place."""
        live = self._live
        return not live.absent and not (live.opened() if live.open is None else live.open)

    @property
    def loads(self) -> int:
        """Times that variables were loaded, or left: the objects are other ones since."""
        return self._live.loads

    def held(self) -> set[str]:
        """Return the names of variables that somebody outside the run may hold, and change in place.

        Somebody who was handed one since it was last examined, be it let go of already, or a tool that
        kept one: it may return what a global refers to.
        To be asked while no dict that `values` returned is around: that would be a holder too.
        """
        return self._exposure.held(self._live)

    def suspects(self, *, everywhere: bool) -> set[str]:
        """Return what `held` does, or the names of all live variables that can be changed in place."""
        return {*self._live.opened()} if everywhere else self.held()

    def within_reach(self, names: Collection[str]) -> set[str]:
        """Return the names of live variables that somebody who is given these may change in place.

        All that can be, where one of these could not be kept: nobody knows which objects it shares with others.
        """
        unknown = bool(self.manifest.not_kept) and not self.manifest.not_kept.keys().isdisjoint(names)
        return self._live.opened() if unknown else self._live.opened().intersection(names)

    def examined(self) -> None:
        """Take note that what was `held` was just examined: what nobody can hold any more is free of it."""
        self._exposure.examined(self._live)

    def expose(self, *names: str) -> None:
        """Note that variables were handed out, or came from outside, and with them what shares objects with them."""
        self._exposure.add(names, self.manifest)

    def values(self) -> dict[str, Any]:
        """Return a new dict of the live objects, `Missing` for those that could not be kept."""
        return self._live.all()

    def seen(self) -> dict[str, Any]:
        """Return a dict of all names with the live objects, as far as they are loaded; nothing tells of the others."""
        return dict.fromkeys(self._live.absent) | self._live.objects

    def loaded(self) -> dict[str, Any]:
        """Return the live objects without loading any; empty before they were first looked at."""
        return {name: value for name, value in self._live.objects.items() if not isinstance(value, Missing)}

    def readable(self, label: str) -> Mapping[str, Any]:
        """Return the values for the step of that label to read: looking at a missing one raises `NotKept`."""
        values = self._live.ordered()
        return Variables(values, f"before step {label!r}") if self._lacks(values) else values

    def _lacks(self, values: Mapping[str, Any]) -> bool:
        """Return whether some of the live variables are `Missing`: their snapshot could not keep them."""
        return bool(self._live.manifest.not_kept) and any(
            isinstance(value, Missing) for value in values.values()
        )

    def present(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return those of the variables whose snapshot could keep them."""
        if not self._lacks(values):
            return values
        return {name: value for name, value in values.items() if not isinstance(value, Missing)}

    def variables(
        self,
        where: str,
        rows: Callable[[], tuple[VariableRow, ...]],
        elsewhere: Callable[[str], str | None],
        *,
        looking: bool = False,
    ) -> Variables:
        """Return the values for the user to read, noting when one is handed out.

        Of a run that is open for looking only, and of a snapshot that is not signed with the user's key,
        each value is loaded when it is asked for, so that one that is large or refused does no harm to
        the others; what is handed out is a copy.
        """
        if looking or (self._live.is_untouched and not self.manifest.is_ours):
            stored = self._stored or Stored(self.manifest, self._snapshots, self._live.maker)
            self._stored = stored if looking else None
            return Variables(stored, where, None, rows, elsewhere)
        return Variables(self._live.mapping(), where, self.expose, rows, elsewhere)

    def snapshot(
        self, values: Mapping[str, Any], output: object = None, examine: Collection[str] | None = None
    ) -> Manifest:
        """Keep values, and the output of a step that writes no variable beside them.

        The last chunks are queued in ``chunks``, for the batch that commits the manifest.

        Parameters
        ----------
        values
            The variables.
        output
            What the step returned that no variable takes.
        examine
            Names of variables that may have changed since the last snapshot, such as those ``held``,
            are other objects now, are new or are gone. None examines all.
        """
        lost = self._exclusion.reasons(values)
        if self._lacks(values):
            lost |= {name: value.reason for name, value in values.items() if isinstance(value, Missing)}
        kept = {name: value for name, value in values.items() if name not in lost} if lost else values
        if output is not None:
            kept = {**kept, OUTPUT: output}
        before = self._live.manifest
        if examine is not None and (
            output is not None or OUTPUT in before.prints or OUTPUT in before.not_kept
        ):
            examine = {*examine, OUTPUT}
        manifest = None if examine is None else self._snapshots.take_atoms(kept, before, examine)
        if manifest is None:
            manifest = self._snapshots.take(kept, before, examine, flush=False)
        if self._live.marks:
            manifest = self._recognised(manifest, kept)
        return self._with_lost(manifest, lost, values) if lost else manifest

    def _with_lost(self, manifest: Manifest, lost: dict[str, str], values: Mapping[str, Any]) -> Manifest:
        """Return a manifest that names, with the reason, also what was not given to be kept."""
        told = {
            name: self.manifest.told.get(name, _UNKNOWN)
            if isinstance(values[name], Missing)
            else told_of(values[name])
            for name in lost
        }
        return replace(manifest, not_kept=manifest.not_kept | lost, told=manifest.told | told)

    @property
    def chunks(self) -> Chunks:
        """What is queued for the store."""
        return self._snapshots.chunks

    def forget(self) -> None:
        """Forget which chunks the store has: some were collected."""
        self._snapshots.forget()

    def _recognised(self, manifest: Manifest, values: Mapping[str, Any]) -> Manifest:
        """Return the manifest in which restored objects that nobody changed stand for what they were loaded from."""
        marks, live = self._live.marks, self._live.objects
        same = {
            name
            for name, mark in marks.items()
            if values.get(name) is live.get(name) and mark == manifest.mark(name)
        }
        return manifest.with_those_of(self.manifest, same) if same else manifest

    def changes(self, manifest: Manifest) -> tuple[str, ...]:
        """Return the names of variables that differ from the snapshot they were in step with, sorted."""
        found = manifest.changed_since(self._live.manifest, manifest.looked)
        found.discard(OUTPUT)
        return tuple(sorted(found))

    def adopt(
        self, manifest: Manifest, values: dict[str, Any], examined: Collection[str] | None = None
    ) -> None:
        """Be in step with a new snapshot of ``values``, a dict that is the scope's own from now on.

        Parameters
        ----------
        examined
            Names of what may be other objects than before, or hold others; None: all.
        """
        exposed = self._exposure
        if exposed.any:
            exposed.follow(self._live.objects, values, examined)
        self._live.adopt(manifest, values, examined)
        if exposed.any:
            exposed.add((), manifest)

    def as_before(self, names: Collection[str]) -> dict[str, Any]:
        """Return values from the snapshot the variables are in step with, of those that share nothing with others."""
        groups = [group.names for group in self.manifest.groups if {*names}.issuperset(group.names)]
        wanted = [name for group in groups for name in group]
        return self._snapshots.load(self.manifest, wanted) if wanted else {}

    def go(self, manifest: Manifest, maker: Maker) -> Callable[[], None]:
        """Return what makes another snapshot the current one.

        What is the same in both snapshots stays, unless somebody outside may have changed it in place.
        The rest is loaded when it is needed; here, where the snapshot is not signed with the user's key:
        one that is refused is not gone to.
        """
        stay = self._live.shared_with(manifest, but=self.held())
        there = Live(self._snapshots, manifest, maker)
        there.stand(
            manifest, maker, stay, {name: mark for name, mark in self._live.marks.items() if name in stay}
        )
        if not manifest.is_ours:
            there.fetch()
        for name in self._exclusion.reasons(there.objects):
            there.objects[name] = self._live.objects.get(name, there.objects[name])

        def adopt() -> None:
            there.loads += self._live.loads
            self._live, self._exposure, self._stored = there, Exposure(), None

        return adopt

    def unload(self, manifest: Manifest, maker: Maker) -> None:
        """Be in step with another snapshot, of which nothing is loaded before it is looked at."""
        self._live.stand(manifest, maker)
        self._exposure, self._stored = Exposure(), None

    def reload(self, manifest: Manifest | None = None) -> None:
        """Bring all variables back to the snapshot, or another one; values it could not keep stay as they are."""
        live = self._live
        manifest = manifest or live.manifest
        live.stand(
            manifest,
            live.maker,
            {name: live.objects[name] for name in manifest.not_kept if name in live.objects},
        )
        if not manifest.is_ours:
            live.fetch()
        self._exposure = Exposure()
