"""The objects of the variables of one snapshot, each loaded when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pforge_lab.runs import changeable
from pforge_lab.runs.changeable import EXACT
from pforge_lab.runs.variables import Missing, Pending, Stored

if TYPE_CHECKING:
    from pforge_lab.runs.manifest import Manifest, Mark
    from pforge_lab.runs.snapshots import Snapshots

Maker = Callable[[str], str | None]  # variable name -> label of the step that wrote it


def is_open(value: object) -> bool:
    """Return whether a value that is there can be changed in place."""
    return not isinstance(value, Missing) and changeable.is_open(value)


class Live:
    """What is loaded of a snapshot, and what will be.

    Parameters
    ----------
    snapshots
        Loads.
    manifest
        The snapshot that the objects are in step with.
    maker
        Tells which step wrote a variable that could not be kept.

    Attributes
    ----------
    manifest, maker
        As above.
    objects
        What is loaded, by name, and a `Missing` for what could not be kept.
    absent
        Names of what is not loaded yet.
    marks
        Fingerprints of loaded objects as they were then: pickled again they may differ from their
        snapshot though nobody changed them (equal strings that were one object come back as two).
    open
        Names of what is loaded and can be changed in place; None before that was looked at.
    loads
        Times that variables were loaded, or left: the objects are other ones since.

    Notes
    -----
    Whoever asks from another thread, as a widget does, waits for what is being loaded.
    """

    def __init__(self, snapshots: Snapshots, manifest: Manifest, maker: Maker) -> None:
        self._snapshots = snapshots
        self._lock = threading.RLock()
        self.open: set[str] | None = None
        self.loads = 0
        self.stand(manifest, maker)

    def stand(
        self,
        manifest: Manifest,
        maker: Maker,
        objects: Mapping[str, Any] | None = None,
        marks: Mapping[str, Mark] | None = None,
    ) -> None:
        """Be in step with a snapshot of which some objects are there; the others are loaded when they are needed."""
        lost = {name: Missing(name, why, maker(name)) for name, why in manifest.not_kept.items() if name}
        with self._lock:
            self.manifest, self.maker = manifest, maker
            self.objects: dict[str, Any] = lost | dict(objects or {})
            self.absent = {name for name in manifest.prints if name}.difference(self.objects)
            self.marks, self.open, self._ordered = dict(marks or {}), None, False
            self.loads += 1

    def adopt(self, manifest: Manifest, objects: dict[str, Any], examined: Collection[str] | None) -> None:
        """Be in step with a new snapshot of ``objects``, all of them; those ``examined`` may be other ones than before, or gone."""
        before = self.manifest
        if examined is None:
            self.open = None
        else:
            known = self.opened() if self.open is None else self.open
            for name in examined:
                if name in objects and type(objects[name]) not in EXACT and is_open(objects[name]):
                    known.add(name)
                else:
                    known.discard(name)
        if self.marks:
            self.marks = {
                name: mark
                for name, mark in self.marks.items()
                if name in objects
                and objects[name] is self.objects.get(name)
                and manifest.prints.get(name) == before.prints.get(name)
            }
        self._ordered = examined is not None and not manifest.not_kept  # as the snapshot was taken of them
        self.manifest, self.objects, self.absent = manifest, objects, set()

    @property
    def is_untouched(self) -> bool:
        """Whether there is something to load, and nothing was."""
        return bool(self.absent) and all(isinstance(value, Missing) for value in self.objects.values())

    def opened(self) -> set[str]:
        """Return the names of what is loaded and can be changed in place."""
        if self.open is None:
            self.open = {name for name in self.objects if is_open(self.objects[name])}
        return self.open

    def fetch(self, names: Collection[str] | None = None) -> None:
        """Load what is not loaded of these variables, of all without; with what shares objects with them."""
        if not self.absent:
            return
        with self._lock:
            wanted = self.absent if names is None else self.absent.intersection(names)
            if not wanted:
                return
            found, marks = self._snapshots.restore(self.manifest, wanted)
            found.pop("", None)  # the output of a step, which is no variable
            self.objects |= found
            self._ordered = False
            self.marks |= {name: mark for name, mark in marks.items() if is_open(found.get(name))}
            self.absent = self.absent - found.keys()
            if self.open is not None:
                self.open |= {name for name in found if is_open(found[name])}
            self.loads += 1

    def all(self) -> dict[str, Any]:
        """Return a new dict of all objects, in the order of the snapshot."""
        return self.ordered().copy()

    def ordered(self) -> dict[str, Any]:
        """Return all objects in the order of the snapshot, in a dict that is not to be changed."""
        if self.absent or not self._ordered:
            self.fetch()
            self.objects = {name: self.objects[name] for name in self.manifest.names if name}
            self._ordered = True
        return self.objects

    def mapping(self) -> Mapping[str, Any]:
        """Return the objects as of now by name; those that are not loaded yet are when they are looked at."""
        if not self.absent:
            return self.all()
        stored = Stored(self.manifest, self._snapshots, self.maker)
        return Pending(dict(self.objects), stored, partial(self._one, stored))

    def _one(self, stored: Stored, name: str) -> Any:
        """Return one of the objects, or a copy of what it was where the run has gone on meanwhile."""
        with self._lock:
            if self.manifest is not stored.manifest:
                return stored[name]
            self.fetch((name,))
            return self.objects[name]

    def shared_with(self, manifest: Manifest, but: Collection[str]) -> dict[str, Any]:
        """Return the objects that are the same in another snapshot, without those that somebody may have changed."""
        live = {name: value for name, value in self.objects.items() if name not in but}
        here = set(self.manifest.groups) if live else set()
        return {
            name: live[name]
            for group in manifest.groups
            if group in here and live.keys() >= {*group.names} - {""}
            for name in group.names
            if name
        }
