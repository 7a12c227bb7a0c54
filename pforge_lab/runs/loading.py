"""Snapshots to variables: the chunks that a manifest names, put together and unpickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab import trust
from pforge_lab.errors import StateCorrupt
from pforge_lab.runs.changeable import is_atom
from pforge_lab.runs.chunks import Chunks, cut_like
from pforge_lab.runs.prints import fingerprint, place, print_of
from pforge_lab.runs.surroundings import searched_last
from pforge_lab.serialization import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pforge_lab.runs.manifest import Group, Manifest, Mark
    from pforge_lab.state import StateManager


class Loading:
    """Loads snapshots from one state manager. The base of `Snapshots`.

    Parameters
    ----------
    state
        Where the chunks live.
    trusted
        Names beyond the safe list that may be built from unsigned data.
    here
        The variables are those of a notebook: its functions go on reading them after loading.

    Attributes
    ----------
    chunks
        What the store has, and what is queued for it.
    look_in
        Gives the folders in which modules are looked for that are found nowhere else.
    """

    def __init__(self, state: StateManager, trusted: Collection[str] = (), *, here: bool = False) -> None:
        self._here = here
        self.chunks = Chunks(state)
        self._trusted = frozenset(trusted)
        self.look_in: Callable[[], list[str]] = list

    def load(self, manifest: Manifest, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Return fresh values of ``names`` (all that were kept, without), independent of any other.

        Variables of one group come together, so more than was asked for may be returned.

        Raises
        ------
        UntrustedData
            The snapshot is not signed with the user's key, and names code beyond the safe list.
        StateCorrupt
            A chunk is missing or damaged.
        """
        return self._load(manifest, names, {})

    def restore(self, manifest: Manifest, names: Iterable[str]) -> tuple[dict[str, Any], dict[str, Mark]]:
        """Return what `load` returns, and the marks that a `take` of those values after ``manifest`` would give them."""
        buffers: dict[str, list[bytearray]] = {}
        values = self._load(manifest, names, buffers)
        shared: dict[str, str] = {}
        for group in manifest.groups:
            if len(group.names) > 1 and group.names[0] in values:
                packed = pack({name: values[name] for name in group.names}, here=self._here)
                shared |= dict.fromkeys(group.names, trust.digest(packed.stream))
        marks: dict[str, Mark] = {
            name: (self._mark(value, manifest.group((name,)), buffers.get(name, [])), shared.get(name))
            for name, value in values.items()
            if not is_atom(value)
        }
        return values, marks

    def _mark(self, value: object, group: Group | None, buffers: list[bytearray]) -> str:
        """Return the fingerprint of a value; memory that it was just loaded into is known without looking at it."""
        packed = pack(value, here=self._here)
        if group is None or not len(buffers) == len(group.buffers) == len(packed.buffers):
            return print_of(packed, group)
        olds = group.buffers
        loaded = {place(buffer): old for buffer, old in zip(buffers, olds, strict=False)}
        cuts = (
            old if loaded.get(place(buffer)) is old else cut_like(buffer, old)[0]
            for buffer, old in zip(packed.buffers, olds, strict=True)
        )
        return fingerprint(packed.stream, tuple(cuts))

    def _load(
        self, manifest: Manifest, names: Iterable[str] | None, buffers: dict[str, list[bytearray]]
    ) -> dict[str, Any]:
        if names is None:
            chosen = manifest.groups
        else:
            first = {manifest.followers.get(name, name): None for name in names}
            chosen = tuple(manifest.leaders[name] for name in first if name in manifest.leaders)
        values: dict[str, Any] = {}
        for group in chosen:
            parts = [self.chunks.get(cut.ids, cut.size) for cut in group.buffers]
            value = self._unpacked(group, parts, trusted=manifest.is_ours)
            values |= {group.names[0]: value} if len(group.names) == 1 else value
            buffers[group.names[0]] = parts
        return values

    def stream(self, group: Group) -> bytes:
        """Return the pickle stream of a group, which is what its digest says; builds nothing.

        Raises
        ------
        StateCorrupt
            A chunk is missing or damaged, or the stream is another one.
        """
        stream = group.inline or bytes(self.chunks.get(group.stream.ids, group.stream.size))
        if trust.digest(stream) != group.digest:
            raise StateCorrupt(
                f"the snapshot of {', '.join(group.names)} does not match its digest; go to another position"
            )
        return stream

    def _unpacked(self, group: Group, buffers: list[bytearray], *, trusted: bool) -> Any:
        stream = self.stream(group)
        try:
            return unpack(stream, buffers, trusted=trusted, trust=self._trusted)
        except ModuleNotFoundError:
            folders = self.look_in() if trusted else []
            if not folders:
                raise
            with searched_last(folders):
                return unpack(stream, buffers, trusted=trusted, trust=self._trusted)
