"""Manifests of a run as what differs from the one before: what a step costs grows with what it changed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pforge_lab import trust
from pforge_lab.errors import StateCorrupt
from pforge_lab.quick import quickly_made
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.manifest import Group, Manifest, signature_of, with_signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.state import StateManager

MOST = 16  # manifests in a row that are differences: as many are read, at most, to know one
_KEPT = 4  # manifests that are remembered
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


@quickly_made
@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two manifests that follow one another.

    Attributes
    ----------
    since
        The position on the same line whose manifest was written in full.
    dropped
        First names of the groups of the manifest before that are gone, or come anew among ``groups``.
    groups, prints, told
        What is new or other.
    gone
        Names that are no longer kept.
    not_kept
        Of the manifest, in full.
    signature
        MAC over all of this and the signature of what was written before it, by the key of whoever wrote
        it; empty before it is written.
    """

    since: int
    dropped: tuple[str, ...]
    groups: tuple[Group, ...]
    prints: dict[str, str]
    told: dict[str, tuple[str, str, str]]
    gone: tuple[str, ...]
    not_kept: dict[str, str]
    signature: str = ""

    @classmethod
    def of(cls, manifest: Manifest, before: Manifest, since: int) -> Self | None:
        """Return the difference to the manifest before, or None where it does not say all, or nobody knows it."""
        if manifest.looked is None:
            return None
        names = {*manifest.looked, *manifest.not_kept, *before.not_kept}
        leaders = {before.followers.get(name, name) for name in names}
        dropped = tuple(sorted(leaders & before.leaders.keys()))
        ordered = [name for name in manifest.prints if name in names]
        found = cls(
            since,
            dropped,
            manifest.groups[len(before.groups) - len(dropped) :],
            {name: manifest.prints[name] for name in ordered},
            {name: manifest.told[name] for name in names if name in manifest.told},
            tuple(sorted(names - manifest.prints.keys())),
            manifest.not_kept,
        )
        whole = found.over(before)
        same = whole == manifest and list(whole.prints) == list(manifest.prints)
        return found if same else None

    def over(self, before: Manifest) -> Manifest:
        """Return the manifest that this is the difference of, as if it had been made here."""
        leaders, prints, told = before.leaders.copy(), before.prints.copy(), before.told.copy()
        for name in self.dropped:
            leaders.pop(name, None)
        leaders |= {group.names[0]: group for group in self.groups}
        for name in self.gone:
            prints.pop(name, None)
            if name not in self.told:
                told.pop(name, None)
        return Manifest(tuple(leaders.values()), prints | self.prints, self.not_kept, None, told | self.told)

    def to_bytes(self, after: str, key: bytes | None = None) -> bytes:
        """Return the difference as JSON, which tells the chunks it needs as a manifest does.

        Parameters
        ----------
        after
            The signature of what was written before it.
        key
            To sign with; the user's by default.
        """
        body = self._body()
        return with_signature(trust.sign([after, trust.digest(body)], key), body)

    def is_ours(self, after: str) -> bool:
        """Return whether it is signed as it is with the user's key, behind what has that signature."""
        return trust.verify([after, trust.digest(self._body())], self.signature)

    def _body(self) -> bytes:
        rest = encoded(
            {
                "format": 1,
                "since": self.since,
                "dropped": self.dropped,
                "prints": self.prints,
                "told": self.told,
                "gone": self.gone,
                "not_kept": self.not_kept,
            }
        )
        return b'{"groups":[' + b",".join([group.to_bytes() for group in self.groups]) + b"]," + rest[1:]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Make a difference from the JSON of `to_bytes`."""
        part = Manifest.from_json(data)
        names = [*data["dropped"], *data["gone"]]
        if not isinstance(data["since"], int) or not all(isinstance(name, str) for name in names):
            raise TypeError("a difference names a position, and variables")
        return cls(
            data["since"],
            tuple(data["dropped"]),
            part.groups,
            part.prints,
            part.told,
            tuple(data["gone"]),
            part.not_kept,
            part.signature or "",
        )


class Manifests:
    """The manifests of one run in its store.

    Parameters
    ----------
    state
        The store.
    key
        Gives the key of the manifest at a position of a line.
    """

    def __init__(self, state: StateManager, key: Callable[[int, int], str]) -> None:
        self._state = state
        self._key = key
        # line, position, the last in full, what it is, its signature
        self._last: tuple[int, int, int, Manifest, str] | None = None
        self._kept = OrderedDict[tuple[int, int], tuple[bytes, Manifest]]()  # the last ones, with their text

    def text(self, line: int, position: int, manifest: Manifest, *, whole: bool) -> tuple[bytes, int]:
        """Return how a manifest is written that is taken over the one at the position before.

        Parameters
        ----------
        whole
            In full, as the one before may be removed.

        Returns
        -------
        bytes, int
            The text, and the last position that is then written in full.
        """
        if self._last is not None and not whole and self._last[:2] == (line, position - 1):
            _, _, since, before, signature = self._last
            difference = Difference.of(manifest, before, since) if position - since <= MOST else None
            if difference is not None:
                return difference.to_bytes(signature, self._signing), since
        return manifest.to_bytes(self._signing), position

    @cached_property
    def _signing(self) -> bytes:
        """The user's key as it was when the first manifest of the run was written here."""
        return trust.signing_key()

    def wrote(self, line: int, position: int, since: int, manifest: Manifest, text: bytes) -> None:
        """Note what is in the store now, and how it is written."""
        self._last = (line, position, since, manifest, signature_of(text))
        before = self._kept.get((line, position - 1))
        # Else it may not be ours as a whole.
        if since == position or (before is not None and before[1].is_ours):
            self._keep(line, position, text, manifest.alone())

    def forget(self) -> None:
        """Forget what was written last: the next manifest is written in full."""
        self._last = None

    def read(self, line: int, position: int) -> Manifest:
        """Return the manifest at a position of a line.

        Raises
        ------
        LookupError
            It is not in the store.
        StateCorrupt
            It cannot be read, or one that it differs from.
        """
        text = self._state.get(self._key(line, position))
        if text is None:
            raise LookupError(self._key(line, position))
        try:
            return self._known(line, position, text) or self._resolved(line, position, text)
        except _UNREADABLE as error:
            raise StateCorrupt(
                f"{self._key(line, position)} in {self._state.url} cannot be read ({type(error).__name__}: {error}); "
                "go to another position",
                url=self._state.url,
            ) from error

    def _keep(self, line: int, position: int, text: bytes, manifest: Manifest) -> None:
        """Keep a manifest, as going back by a few steps is commonest: to know one may be to read many."""
        self._kept[line, position] = text, manifest
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def _known(self, line: int, position: int, text: bytes) -> Manifest | None:
        known, manifest = self._kept.get((line, position), (None, None))
        return manifest if known == text else None

    def _resolved(self, line: int, position: int, text: bytes) -> Manifest:
        data = decoded(text)
        if "since" not in data:
            return Manifest.from_json(data)
        last = Difference.from_json(data)
        if not 0 < position - last.since <= MOST:
            raise ValueError(f"it differs from position {last.since}")
        places = {self._key(line, earlier): earlier for earlier in range(last.since, position)}
        found = self._state.get_many([*places])
        manifest: Manifest | None = None
        signature, ours = "", True
        for key, place in {**places, self._key(line, position): position}.items():
            each = data if place == position else decoded(found[key])
            if "since" not in each:
                manifest = Manifest.from_json(each)
                signature, ours = manifest.signature or "", manifest.is_ours
            elif manifest is not None:
                difference = Difference.from_json(each)
                ours = ours and difference.is_ours(signature)
                manifest, signature = difference.over(manifest), difference.signature
                read = text if place == position else found[key]
                self._keep(line, place, read, manifest if ours else replace(manifest, signature=""))
        if manifest is None:
            raise ValueError(f"position {last.since} has no manifest in full")
        return manifest if ours else replace(manifest, signature="")
