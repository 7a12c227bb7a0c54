"""Variables of a run to deduplicated chunks in a state manager, and back.

A snapshot is a `Manifest`: small JSON that names the chunks. Variables that share mutable
objects are kept as one *group*, so that ``a is b`` still holds after restoring; every other
variable is a group of its own and can be loaded alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab import trust
from pforge_lab.errors import StateCorrupt
from pforge_lab.runs.changeable import is_atom
from pforge_lab.runs.chunks import NOTHING, Chunks, cut_like
from pforge_lab.runs.manifest import EMPTY, Group, Manifest, Mark
from pforge_lab.runs.prints import cuts_before, fingerprint, packed_atom, place, print_of, sharing
from pforge_lab.runs.surroundings import searched_last
from pforge_lab.serialization import Packed, pack, unpack
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from pforge_lab.state import StateManager

INLINE = 1024  # bytes of a stream that stay in the manifest


class Snapshots:
    """Takes and loads snapshots in one state manager.

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

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> snapshots = Snapshots(open_state("memory:"))
    >>> shared = [1, 2]
    >>> manifest = snapshots.take({"a": shared, "b": {"list": shared}, "n": 7})
    >>> shared.append(3)
    >>> back = snapshots.load(manifest)
    >>> back["a"], back["b"]["list"] is back["a"], back["n"]
    ([1, 2], True, 7)
    """

    def __init__(self, state: StateManager, trusted: Collection[str] = (), *, here: bool = False) -> None:
        self._here = here
        self.chunks = Chunks(state)
        self._trusted = frozenset(trusted)
        self._atoms: dict[str, tuple[object, Group, str]] = {}
        self.look_in: Callable[[], list[str]] = list

    def take(
        self,
        variables: Mapping[str, object],
        previous: Manifest = EMPTY,
        examine: Collection[str] | None = None,
        *,
        flush: bool = True,
    ) -> Manifest:
        """Keep ``variables``; their chunks are durable in the store on return.

        A value that cannot be serialised is named in ``not_kept`` with the reason; the others are
        kept all the same. The cost is that of pickling what is not a buffer, of hashing the
        buffers (about 0.1 s per GB), and of writing the chunks that are new: for the variables that
        are examined; any other costs nothing.

        Parameters
        ----------
        variables
            What to keep.
        previous, examine
            An earlier snapshot, and the names that may have changed since: the others are taken to
            be as they were in it. Whatever shares an object with one of these is examined too.
            None examines all.
        flush
            False leaves the last chunks queued in ``chunks``, for the batch that commits the manifest.

        Raises
        ------
        StateError
            The store cannot take the chunks. No snapshot refers to those it took.
        """
        if examine is not None and not previous.is_ours:
            examine = None  # what somebody else has written is not signed without having been looked at
        base = EMPTY if examine is None else previous
        doubtful = set(variables) if examine is None else base.doubtful(variables, examine)
        leaders, prints, told = base.leaders.copy(), base.prints.copy(), base.told.copy()
        for name in doubtful:
            leaders.pop(base.followers.get(name, name), None)
            if name not in variables:
                prints.pop(name, None)
                told.pop(name, None)
        not_kept = {name: reason for name, reason in base.not_kept.items() if name not in doubtful}
        packs: dict[str, Packed] = {}
        for name in _in_order(doubtful, variables):
            value = variables[name]
            told[name] = describe(value)
            if is_atom(value):
                leaders[name], prints[name] = self._atom(name, value)
                continue
            try:
                packs[name] = pack(value, here=self._here)
            except Exception as error:  # noqa: BLE001 - whatever a user's class raises when it is reduced
                not_kept[name] = f"{type(error).__name__}: {error}"
                prints.pop(name, None)
        for names in sharing(packs) if packs else ():
            leaders[names[0]] = self._put(names, packs, variables, prints, previous)
        if flush:
            self.chunks.flush()
        return _manifest(
            leaders, prints, not_kept, told, variables=variables, looked=None if examine is None else doubtful
        )

    def _put(
        self,
        names: tuple[str, ...],
        packs: Mapping[str, Packed],
        variables: Mapping[str, object],
        prints: dict[str, str],
        previous: Manifest,
    ) -> Group:
        """Keep variables that share what can be changed, and note their fingerprints."""
        before = previous.group(names)
        if len(names) == 1:
            packed = packs[names[0]]
            group = self._group(names, packed, before)
            prints[names[0]] = fingerprint(packed.stream, group.buffers)
        else:
            group = self._group(
                names, pack({name: variables[name] for name in names}, here=self._here), before
            )
            prints |= {name: print_of(packs[name], None) for name in names}
        return before if before is not None and group == before else group

    def forget(self) -> None:
        """Forget which chunks the store has: some were collected."""
        self.chunks.forget()
        self._atoms.clear()

    def _atom(self, name: str, value: object) -> tuple[Group, str]:
        known = self._atoms.get(name)
        if known is not None and known[0] is value:
            return known[1:]
        packed = pack(value, here=self._here) if isinstance(value, np.generic) else packed_atom(value)
        stream = packed.stream
        if len(stream) <= INLINE and not packed.buffers:
            group = Group((name,), trust.digest(stream), inline=stream)
        else:
            group = self._group((name,), packed, None)
        mark = fingerprint(stream, ())
        self._atoms[name] = (value, group, mark)
        return group, mark

    def _group(self, names: tuple[str, ...], packed: Packed, before: Group | None) -> Group:
        stream, digest = packed.stream, trust.digest(packed.stream)
        pairs = zip(packed.buffers, cuts_before(before, packed), strict=True)
        buffers = tuple(self.chunks.put(buffer, old) for buffer, old in pairs)
        if len(stream) <= INLINE:
            return Group(names, digest, inline=stream, buffers=buffers)
        old = NOTHING if before is None else before.stream
        return Group(names, digest, self.chunks.put(memoryview(stream), old, moving=True), buffers=buffers)

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


def _in_order(names: set[str], variables: Mapping[str, object]) -> list[str]:
    """Return those of the variables that have these names, in their order."""
    found = [name for name in names if name in variables]
    return found if len(found) <= 1 else [name for name in variables if name in names]


def _manifest(
    leaders: dict[str, Group],
    prints: dict[str, str],
    not_kept: dict[str, str],
    told: dict[str, tuple[str, str, str]],
    *,
    variables: Mapping[str, object],
    looked: set[str] | None,
) -> Manifest:
    """Return the signed snapshot, its fingerprints in the order of the variables."""
    groups = tuple(leaders.values())
    kept = [name for name in variables if name not in not_kept] if not_kept else list(variables)
    if list(prints) != kept:
        prints = {name: prints[name] for name in kept}
    return Manifest(
        groups, prints, not_kept, None, told, None if looked is None else frozenset(looked), leaders
    )
