"""Variables of a run to deduplicated chunks in a state manager, and back.

A snapshot is a `Manifest`: small JSON that names the chunks. Variables that share mutable
objects are kept as one *group*, so that ``a is b`` still holds after restoring; every other
variable is a group of its own and can be loaded alone.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from pforge_lab import trust
from pforge_lab.runs.changeable import EXACT, is_atom
from pforge_lab.runs.chunks import NOTHING
from pforge_lab.runs.loading import Loading
from pforge_lab.runs.manifest import EMPTY, Group, Manifest
from pforge_lab.runs.prints import cuts_before, fingerprint, print_of, sharing
from pforge_lab.serialization import Packed, pack
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pforge_lab.state import StateManager

INLINE = 1024  # bytes of a stream that stay in the manifest


class Snapshots(Loading):
    """Takes and loads snapshots in one state manager.

    Its parameters and attributes are those of `Loading`.

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
        super().__init__(state, trusted, here=here)
        self._atoms: dict[str, tuple[object, Group, str]] = {}

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
            An earlier snapshot, and the names that may have changed since, are new or are gone: the
            others are taken to be as they were in it. Whatever shares an object with one of these is
            examined too. None examines all.
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
        doubtful = set(variables) if examine is None else base.sharing(examine)
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

    def take_atoms(
        self, variables: Mapping[str, object], previous: Manifest, examine: Collection[str]
    ) -> Manifest | None:
        """Return what `take` does, without flushing, where nothing but numbers and texts may have changed; else None.

        As after most steps: this is the general way without what such a step does not need.

        Examples
        --------
        >>> from pforge_lab.state import open_state
        >>> snapshots = Snapshots(open_state("memory:"))
        >>> start = snapshots.take({"n": 1})
        >>> after = snapshots.take_atoms({"n": 2}, start, ["n"])
        >>> after == snapshots.take({"n": 2}), snapshots.take_atoms({"n": []}, after, ["n"])
        (True, None)
        """
        if (
            previous.followers
            or previous.not_kept
            or (previous.signature is not None and not previous.is_ours)
        ):
            return None
        leaders, prints, told = previous.leaders.copy(), previous.prints.copy(), previous.told.copy()
        present = []
        for name in examine:
            leaders.pop(name, None)
            if name not in variables:
                prints.pop(name, None)
                told.pop(name, None)
            elif type(variables[name]) in EXACT:
                present.append(name)
            else:
                return None
        for name in present if len(present) < 2 else _in_order({*present}, variables):
            value = variables[name]
            told[name] = describe(value)
            leaders[name], prints[name] = self._atom(name, value)
        return _manifest(leaders, prints, {}, told, variables=variables, looked=examine, followers={})

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
        if type(value) in EXACT:  # twenty times faster than to pack it
            stream, packed = pickle.dumps(value, protocol=5), None
        else:
            packed = pack(value, here=self._here)
            stream = packed.stream
        if packed is None and len(stream) <= INLINE:
            group = Group((name,), trust.digest(stream), NOTHING, stream)
        else:
            group = self._group((name,), packed or Packed(stream, (), {}), None)
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
    looked: Collection[str] | None,
    followers: dict[str, str] | None = None,
) -> Manifest:
    """Return the signed snapshot, its fingerprints in the order of the variables."""
    groups = tuple(leaders.values())
    kept = [name for name in variables if name not in not_kept] if not_kept else list(variables)
    if list(prints) != kept:
        prints = {name: prints[name] for name in kept}
    among = None if looked is None else frozenset(looked)
    return Manifest(groups, prints, not_kept, None, told, among, leaders, followers)
