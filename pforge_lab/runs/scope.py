"""The live variables of a run, and the snapshot they were last in step with."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.late import is_frame
from pforge_lab.runs.exclusion import Exclusion, told_of
from pforge_lab.runs.manifest import EMPTY
from pforge_lab.runs.snapshots import ATOMS
from pforge_lab.runs.variables import Missing, Stored, Variables

if TYPE_CHECKING:
    from pforge_lab.runs.chunks import Chunks
    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.snapshots import Snapshots

OUTPUT = ""  # names, in a snapshot, the output of a step that has no output_var

Maker = Callable[[str], str | None]  # variable name -> label of the step that wrote it

_PASSED_OVER = (*ATOMS, Missing, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


_NO_EXCLUSION = Exclusion()
_UNKNOWN = ("", "", "")  # what is told of a variable that was never seen here


def _holders(values: Mapping[str, object], name: str) -> int:
    return sys.getrefcount(values[name])


_ALONE = _holders({"": object()}, "")


def _is_whole(value: object) -> bool:
    """Return whether nobody can change a value in place without holding the value itself."""
    if isinstance(value, np.ndarray):
        return value.base is None and not value.dtype.hasobject
    return is_frame(value) and not any(
        dtype.hasobject for dtype in value.dtypes if isinstance(dtype, np.dtype)
    )


class Scope:
    """Live variables over a snapshot; nothing is loaded before it is looked at.

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
    loads
        Times that variables were loaded: after each, they are other objects.
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
        self._live: dict[str, Any] | None = None
        self._stored: Stored | None = None  # for looking only
        self.manifest = manifest
        self._maker = maker
        self._exposed: set[str] = set()
        self._open: set[str] | None = None  # live variables that can be changed in place; None: not known
        self.loads = 0
        # Live objects that were loaded, with their fingerprint as it was then: pickled again they may
        # differ from their snapshot though nobody changed them (equal strings that were one object
        # come back as two).
        self._restored: dict[str, str] = {}

    def held(self) -> set[str]:
        """Return the names of variables that somebody outside the run may hold, and change in place.

        Somebody who was handed one since it was last examined, be it let go of already, or a tool that
        kept one: it may return what a global refers to.
        To be asked while no dict that `values` returned is around: that would be a holder too.
        """
        live = self._live or {}
        return {  # the values get no name here: that would be one holder more
            name for name in self.opened() if name in self._exposed or _holders(live, name) > _ALONE
        }

    def opened(self) -> set[str]:
        """Return the names of live variables that can be changed in place."""
        if self._open is None:
            live = self._live or {}
            self._open = {name for name in live if not isinstance(live[name], _PASSED_OVER)}
        return self._open

    def examined(self) -> None:
        """Take note that what was `held` was just examined: what nobody can hold any more is free of it."""
        if not self._exposed:
            return
        live = self._live or {}
        self._exposed = {  # as above, no names for values
            name
            for name in self._exposed & live.keys()
            if not _is_whole(live[name]) or _holders(live, name) > _ALONE
        }

    def expose(self, *names: str) -> None:
        """Note that variables were handed out, or came from outside."""
        self._exposed.update(names)

    def values(self) -> dict[str, Any]:
        """Return a new dict of the live objects, `Missing` for those that could not be kept."""
        if self._live is None:
            self._live, self._open = self._load(self.manifest, self._maker, {}), None
            self._restored = self._prints(self._live, self.manifest)
        return dict(self._live)

    def loaded(self) -> dict[str, Any]:
        """Return the live objects without loading any; empty before they were first looked at."""
        live = self._live or {}
        return {name: value for name, value in live.items() if not isinstance(value, Missing)}

    def readable(self, where: str) -> Mapping[str, Any]:
        """Return the values for a step to read: looking at a missing one raises `NotKept`."""
        values = self.values()
        return Variables(values, where) if self._lacks(values) else values

    def _lacks(self, values: Mapping[str, Any]) -> bool:
        """Return whether some of the live variables are `Missing`: their snapshot could not keep them."""
        return bool(self.manifest.not_kept) and any(isinstance(value, Missing) for value in values.values())

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
        if self._live is None and (looking or not self.manifest.is_ours):
            stored = self._stored or Stored(self.manifest, self._snapshots, self._maker)
            self._stored = stored if looking else None
            return Variables(stored, where, None, rows, elsewhere)
        return Variables(self.values(), where, self.expose, rows, elsewhere)

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
            or are other objects now. None examines all.
        """
        lost = self._exclusion.reasons(values)
        if self._lacks(values):
            lost |= {name: value.reason for name, value in values.items() if isinstance(value, Missing)}
        kept = {name: value for name, value in values.items() if name not in lost} if lost else values
        if output is not None:
            kept = {**kept, OUTPUT: output}
        manifest = self._snapshots.take(
            kept, self.manifest, None if examine is None else {*examine, OUTPUT}, flush=False
        )
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
        if not self._restored:
            return manifest
        live = self._live or {}
        same = {
            name
            for name, mark in self._restored.items()
            if values.get(name) is live.get(name) and manifest.prints.get(name) == mark
        }
        return manifest.with_those_of(self.manifest, same) if same else manifest

    def _prints(self, values: Mapping[str, Any], manifest: Manifest) -> dict[str, str]:
        """Return the fingerprints of values that were just loaded from a snapshot."""
        mutable = {name: value for name, value in values.items() if not isinstance(value, (*ATOMS, Missing))}
        return self._snapshots.prints(mutable, manifest)

    def changes(self, manifest: Manifest) -> tuple[str, ...]:
        """Return the names of variables that differ from the snapshot they were in step with, sorted."""
        return tuple(sorted(manifest.changed_since(self.manifest, manifest.looked) - {OUTPUT}))

    def adopt(
        self, manifest: Manifest, values: dict[str, Any], examined: Collection[str] | None = None
    ) -> None:
        """Be in step with a new snapshot of ``values``, a dict that is the scope's own from now on.

        Parameters
        ----------
        examined
            Names of what may be other objects than before; None: all.
        """
        live, before = self._live or {}, self.manifest
        if examined is None:
            self._open = None
        else:
            for name in {*examined, *(live.keys() - values.keys())}:
                if name in values and not isinstance(values[name], _PASSED_OVER):
                    self.opened().add(name)
                else:
                    self.opened().discard(name)
        if self._restored:
            self._restored = {
                name: now
                for name, now in self._restored.items()
                if name in values
                and values[name] is live.get(name)
                and manifest.prints.get(name) == before.prints.get(name)
            }
        self.manifest, self._live = manifest, values

    def go(self, manifest: Manifest, maker: Maker) -> Callable[[], None]:
        """Load another snapshot and return what makes it current.

        What is the same in both snapshots is not loaded again, unless somebody outside may have
        changed it in place.
        """
        held = self.held()
        live = {name: value for name, value in (self._live or {}).items() if name not in held}
        values = self._load(manifest, maker, live)
        for name in self._exclusion.reasons(values):
            values[name] = (self._live or {}).get(name, values[name])
        stayed = {name for name in values if name in live and values[name] is live[name]}
        restored = {name: now for name, now in self._restored.items() if name in stayed}
        restored |= self._prints(
            {name: value for name, value in values.items() if name not in stayed and name in manifest.prints},
            manifest,
        )

        def adopt() -> None:
            self.manifest, self._live, self._maker, self._exposed = manifest, values, maker, set()
            self._restored, self._open = restored, None

        return adopt

    def unload(self, manifest: Manifest, maker: Maker) -> None:
        """Be in step with another snapshot, of which nothing is loaded before it is looked at."""
        self.manifest, self._live, self._maker, self._exposed = manifest, None, maker, set()
        self._restored, self._open, self._stored = {}, None, None

    def reload(self) -> None:
        """Bring all variables back to the snapshot; values it could not keep stay as they are."""
        before = self._live or {}
        values = self._load(self.manifest, self._maker, {})
        self._live = {
            name: before.get(name, value) if isinstance(value, Missing) else value
            for name, value in values.items()
        }
        self._restored = self._prints(values, self.manifest)
        self._exposed, self._open = set(), None

    def _load(self, manifest: Manifest, maker: Maker, live: Mapping[str, Any]) -> dict[str, Any]:
        here = set((self.manifest if live else EMPTY).groups)
        same = [
            name
            for group in manifest.groups
            if group in here and live.keys() >= {*group.names} - {OUTPUT}
            for name in group.names
            if name
        ]
        wanted = [name for name in manifest.prints if name and name not in same]
        self.loads += 1
        values: dict[str, Any] = {name: live[name] for name in same}
        values |= self._snapshots.load(manifest, wanted)
        values |= {name: Missing(name, reason, maker(name)) for name, reason in manifest.not_kept.items()}
        return {name: values[name] for name in manifest.names if name}
