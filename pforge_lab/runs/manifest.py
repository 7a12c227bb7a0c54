"""One snapshot as small JSON: which groups of chunks hold which variables."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pforge_lab import trust
from pforge_lab.quick import quickly_made
from pforge_lab.runs.chunks import NOTHING, Cut
from pforge_lab.runs.encoding import encoded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Buffers = tuple[Cut, ...]


@quickly_made
@dataclass(frozen=True, slots=True)
class Group:
    """Variables that are kept and loaded together.

    Attributes
    ----------
    names
        Of the variables.
    digest
        BLAKE2b of the pickle stream: what the signature is over.
    stream, inline
        Where the pickle stream is: in chunks, or right here.
    buffers
        The out-of-band buffers.
    """

    names: tuple[str, ...]
    digest: str
    stream: Cut = NOTHING
    inline: bytes = b""
    buffers: Buffers = ()
    _text: bytes = field(default=b"", compare=False, repr=False)  # once it is encoded

    def chunk_ids(self) -> set[str]:
        """Return the ids of all chunks that are needed to load the group."""
        return {name for cut in (self.stream, *self.buffers) for name in (*cut.ids, *cut.bases)}

    def to_json(self) -> list[Any]:
        """Return the group as JSON values, short: a manifest may list hundreds."""
        inline = binascii.b2a_base64(self.inline, newline=False).decode()
        buffers = [cut.to_json() for cut in self.buffers] if self.buffers else []
        return [self.names, self.digest, self.stream.to_json(), inline, buffers]

    def to_bytes(self) -> bytes:
        """Return what `to_json` returns as JSON, encoded once: most groups are in one snapshot after the other."""
        if not self._text:
            object.__setattr__(self, "_text", encoded(self.to_json()))
        return self._text

    @classmethod
    def from_json(cls, data: list[Any]) -> Group:
        """Make a group from what `to_json` returned."""
        names, digest, stream, inline, buffers = data
        cuts = tuple(map(Cut.from_json, buffers))
        return cls(tuple(names), digest, Cut.from_json(stream), base64.b64decode(inline), cuts)


@quickly_made
@dataclass(frozen=True, slots=True)
class Manifest:
    """One snapshot: which groups of chunks hold which variables.

    Attributes
    ----------
    groups
        What was kept.
    prints
        A fingerprint per variable: equal ones mean equal content.
    not_kept
        Variables that could not be serialised, with the reason.
    signature
        MAC over all of the above and ``told`` by the key of whoever wrote it; None for one that was made
        here, or whose parts are all signed with the user's key.
    told
        Type, shape and a one-line preview of each variable, so that tables need to load nothing.
    looked
        Names that were looked at when it was taken; the others are as in the snapshot before. None for
        all.
    """

    groups: tuple[Group, ...]
    prints: dict[str, str]
    not_kept: dict[str, str] = field(default_factory=dict)
    signature: str | None = None
    told: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    looked: frozenset[str] | None = field(default=None, compare=False, repr=False)
    _leaders: dict[str, Group] | None = field(default=None, compare=False, repr=False)
    _followers: dict[str, str] | None = field(default=None, compare=False, repr=False)
    _ours: bool | None = field(default=None, compare=False, repr=False)

    @property
    def leaders(self) -> dict[str, Group]:
        """The groups by the first of their names, in order."""
        if self._leaders is None:
            leaders = {group.names[0]: group for group in self.groups}
            object.__setattr__(self, "_leaders", leaders)
            return leaders
        return self._leaders

    @property
    def followers(self) -> dict[str, str]:
        """The first name of the group, for the other names of groups of several."""
        if self._followers is None:
            followers = {name: group.names[0] for group in self.groups for name in group.names[1:]}
            object.__setattr__(self, "_followers", followers)
            return followers
        return self._followers

    @property
    def names(self) -> list[str]:
        """Names of all variables at that moment, kept or not; kept ones in the order they were made."""
        return [*self.prints, *self.not_kept]

    def changed_since(self, other: Manifest, among: Collection[str] | None = None) -> set[str]:
        """Return the names that were added, removed or changed between ``other`` and this snapshot.

        Parameters
        ----------
        among
            The names to look at, all that are kept in both being the same but for these; None looks at
            all.
        """
        here, there = self.prints, other.prints
        if self.not_kept or other.not_kept:
            here, there = here | self.not_kept, there | other.not_kept
            among = None if among is None else {*among, *self.not_kept, *other.not_kept}
        doubtful = {*here, *there} if among is None else among
        return {name for name in doubtful if here.get(name) != there.get(name)}

    def sharing(self, names: Iterable[str]) -> set[str]:
        """Return names, and those of the variables that share objects with one of them."""
        found = {*names}
        if self.followers:
            firsts = {self.followers.get(name, name) for name in found} & self.leaders.keys()
            found.update(*(self.leaders[first].names for first in firsts))
        return found

    def with_those_of(self, older: Manifest, names: set[str]) -> Manifest:
        """Return this snapshot with variables that are as they were in ``older`` kept as they are kept there."""
        prints = {name: older.prints[name] if name in names else mark for name, mark in self.prints.items()}
        kept = {frozenset(group.names): group for group in older.groups if not names.isdisjoint(group.names)}
        groups = tuple(
            kept.get(frozenset(group.names), group)
            if all(prints[name] == older.prints.get(name) for name in group.names)
            else group
            for group in self.groups
        )
        return replace(
            self,
            groups=groups,
            prints=prints,
            signature=None,
            _leaders=None,
            _followers=None,
            _ours=None,
        )

    def mark(self, name: str) -> Mark:
        """Return what tells the content of a variable, and what it shares with others."""
        group = self.leaders.get(self.followers.get(name, name))
        return self.prints.get(name), group.digest if group is not None and len(group.names) > 1 else None

    def chunk_ids(self) -> set[str]:
        """Return the ids of all chunks that are needed to load the snapshot."""
        return {name for group in self.groups for name in group.chunk_ids()}

    def group(self, names: tuple[str, ...]) -> Group | None:
        """Return the group of just these variables, or None when there is none."""
        group = self.leaders.get(names[0])
        return group if group is not None and group.names == names else None

    @property
    def is_ours(self) -> bool:
        """Whether it was made in this process, or is signed as it is with the user's key."""
        if self.signature is None:
            return True
        if self._ours is None:
            signed = trust.verify([trust.digest(self._body())], self.signature)
            object.__setattr__(self, "_ours", signed)
            return signed
        return self._ours

    def alone(self) -> Manifest:
        """Return the same manifest, which tells no more what was looked at since the one before."""
        return Manifest(
            self.groups,
            self.prints,
            self.not_kept,
            self.signature,
            self.told,
            None,
            self._leaders,
            self._followers,
            self._ours,
        )

    def to_bytes(self, key: bytes | None = None) -> bytes:
        """Return the manifest as JSON, signed with ``key``, or the user's, if it was made in this process."""
        body = self._body()
        signature = self.signature
        if signature is None:
            signature = trust.sign([trust.digest(body)], key)
        return with_signature(signature, body)

    def _body(self) -> bytes:
        """Return all but the signature as JSON, the same however often it was written and read."""
        rest = encoded({"format": 1, "prints": self.prints, "not_kept": self.not_kept, "told": self.told})
        return b'{"groups":[' + b",".join([group.to_bytes() for group in self.groups]) + b"]," + rest[1:]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Manifest:
        """Make a manifest from the values of its JSON."""
        groups = tuple(map(Group.from_json, data["groups"]))
        told = {name: (kind, shape, preview) for name, (kind, shape, preview) in data["told"].items()}
        return cls(groups, data["prints"], data["not_kept"], str(data["signature"]), told)


EMPTY = Manifest((), {})

#: The fingerprint of a variable, and the digest of the group that it shares objects with.
Mark = tuple[str | None, str | None]


def with_signature(signature: str, body: bytes) -> bytes:
    """Return JSON with its signature in front."""
    return b'{"signature":"%b",%b' % (signature.encode(), body[1:])


def signature_of(text: bytes) -> str:
    """Return the signature in front of what `with_signature` gave.

    Examples
    --------
    >>> signature_of(with_signature("ab", b'{"groups":[]}'))
    'ab'
    """
    return text.split(b'"', 4)[3].decode()
