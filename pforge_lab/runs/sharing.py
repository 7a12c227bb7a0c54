"""Who shares what: bytes by the variables that keep them alive, kept up as variables change."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 50_000  # identities of one variable, 130 bytes each; smaller ones count as its own


class Sharing:
    """Bytes by the set of variables that keep them alive.

    Putting a variable costs 0.3 µs for each of its own identities, whatever the others hold.

    Examples
    --------
    >>> sharing = Sharing()
    >>> sharing.put("a", {1: 100, 2: 8}, 108)
    >>> sharing.put("b", {1: 100, 3: 16}, 116)
    >>> sharing.alone("a"), sharing.alone("b"), sharing.together(["a", "b"])
    (8, 16, {('a', 'b'): 100})
    >>> sharing.remove("a")
    >>> sharing.alone("b"), sharing.together(["b"])
    (116, {})
    """

    def __init__(self) -> None:
        self._bits: dict[str, int] = {}  # each variable has one
        self._free: list[int] = []
        self._found: dict[int, dict[int, float]] = {}  # by bit
        self._owners: dict[int, int] = {}  # bits by identity
        self._shared: dict[int, float] = {}  # bytes of what has several owners, by identity
        self._alone: dict[int, float] = {}  # bytes by bit
        self._together: dict[int, float] = {}  # bytes by several bits

    def __contains__(self, name: str) -> bool:
        return name in self._bits

    def put(self, name: str, found: dict[int, float], total: float) -> None:
        """Take up what a variable keeps alive, in place of what it kept before.

        Parameters
        ----------
        found
            Bytes by identity.
        total
            Bytes of all of it.
        """
        self.remove(name)
        if len(found) > _MOST:
            found = _largest(found)
        bit = self._free.pop() if self._free else 1 << len(self._found)
        self._bits[name], self._found[bit], self._alone[bit] = bit, found, total
        known = found.keys() & self._owners.keys()
        for identity in known:
            self._alone[bit] -= found[identity]
            self._own(identity, self._owners[identity] | bit)
        if not known:
            self._owners.update(dict.fromkeys(found, bit))
            return
        for identity in found:
            self._owners.setdefault(identity, bit)

    def put_one(self, name: str, identity: int, size: int) -> None:
        """Take up the one object that a variable keeps alive, none of ``size`` 0: `put` of a number or a text, faster."""
        bit, owners = self._bits.get(name), self._owners
        before: dict[int, float] = {} if bit is None else self._found[bit]
        known = owners.get(identity)
        if len(before) > 1 or self._shared or (known is not None and known != bit):
            self.put(name, {identity: size} if size else {}, size)
            return
        if bit is None:
            bit = self._bits[name] = self._free.pop() if self._free else 1 << len(self._found)
        for gone in before:
            del owners[gone]
        if size:
            owners[identity] = bit
        self._found[bit], self._alone[bit] = {identity: size} if size else {}, size

    def remove(self, name: str) -> None:
        """Forget a variable, if it is known."""
        if name not in self._bits:
            return
        bit = self._bits.pop(name)
        found = self._found.pop(bit)
        shared = found.keys() & self._shared.keys()
        for identity in shared:
            self._own(identity, self._owners[identity] & ~bit)
        for identity in found.keys() - shared if shared else found:
            del self._owners[identity]
        del self._alone[bit]
        self._free.append(bit)

    def _own(self, identity: int, owners: int) -> None:
        """Book other owners of an identity that has several, before or after."""
        before = self._owners[identity]
        size = self._shared.pop(identity, None)
        if size is None:
            size = self._found[before][identity]
        self._book(before, -size)
        self._owners[identity] = owners
        if owners.bit_count() > 1:
            self._shared[identity] = size
        else:
            size = self._found[owners][identity]
        self._book(owners, size)

    def _book(self, owners: int, size: float) -> None:
        if owners.bit_count() == 1:
            self._alone[owners] = self._alone.get(owners, 0.0) + size
            return
        size += self._together.get(owners, 0.0)
        if size < 1:  # nothing is left but what rounding has left
            del self._together[owners]
        else:
            self._together[owners] = size

    def alone(self, name: str) -> int:
        """Return the bytes that a variable alone keeps alive."""
        return round(self._alone[self._bits[name]])

    @property
    def is_shared(self) -> bool:
        """Whether any memory has several owners."""
        return bool(self._together)

    def together(self, order: Iterable[str]) -> dict[tuple[str, ...], int]:
        """Return what several variables keep alive: bytes by these, in an order."""
        if not self._together:
            return {}
        names = {self._bits[name]: name for name in order}
        return {
            tuple(name for bit, name in names.items() if owners & bit): round(size)
            for owners, size in self._together.items()
            if round(size)
        }


def _largest(found: dict[int, float]) -> dict[int, float]:
    """Return the largest of what was found."""
    sizes = np.fromiter(found.values(), float, len(found))
    least = np.partition(sizes, -_MOST)[-_MOST]
    return dict(islice(((identity, size) for identity, size in found.items() if size >= least), _MOST))
