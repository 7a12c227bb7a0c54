"""What code finds around it in its process, beside variables: where modules are looked for, folder, environment."""

from __future__ import annotations

import importlib
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from pforge_lab import trust
from pforge_lab.errors import RunError
from pforge_lab.runs.encoding import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pforge_lab.runs.exclusion import Exclusion
    from pforge_lab.runs.timeline import Timeline

Placed = tuple[str, str | None]

_SECRET = re.compile(
    r"key|token|secret|pass|pwd|cred|auth|cookie|session|private|signature|conn|dsn|hook|account|user|login",
    re.IGNORECASE,
)
_SECRETS_WITHIN = re.compile(
    r"://[^/\s]*@|-----BEGIN|[?&][^=&]*(key|token|secret|sig|pass)[^=&]*=", re.IGNORECASE
)
_LONG = 4096  # characters of a value that is kept; settings are shorter


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A process at one moment.

    Attributes
    ----------
    path
        The texts of ``sys.path``.
    folder
        The working folder; empty where it is gone.
    environment
        The environment variables.
    """

    path: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> Self:
        """Return those of this process, as they are now."""
        return cls(tuple(filter(_is_text, sys.path)), _folder(), dict(os.environ))

    def changes(self, exclusion: Exclusion) -> Changes:
        """Return what is different now.

        Values of the environment that may be secret are left out, by the names of their variables and by
        what they look like; so are those that ``exclusion`` names.
        """
        now = self.here()
        environment, withheld = _set_since(self.environment, now.environment, exclusion)
        placed, removed = _moved(_unique(self.path), _unique(now.path))
        folder = "" if now.folder == self.folder else now.folder
        return Changes(placed, removed, folder, environment, withheld, self.folder)


@dataclass(frozen=True, slots=True)
class Changes:
    """What code has changed around it since its process began.

    Attributes
    ----------
    placed
        Entries that ``sys.path`` was given, each with the one that followed it, None at the end.
    removed
        Entries that were taken from it.
    folder
        The working folder, where it is another one.
    environment
        Environment variables that were set, and None for those that were removed.
    withheld
        Names of those that were set to what is not kept, because it may be secret.
    began
        The working folder that the process began in.
    """

    placed: tuple[Placed, ...] = ()
    removed: tuple[str, ...] = ()
    folder: str = ""
    environment: dict[str, str | None] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    began: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what there is as JSON values, signed with the user's key; empty when there is nothing."""
        facts = {name: value for name in self.__slots__ if (value := getattr(self, name))}
        return signed_anew(facts) if facts.keys() - {"began"} else {}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self | None:
        """Return what `to_json` gave, encoded or not; None when it is not signed with the user's key.

        Where modules are looked for is whose code is executed, so nobody else has a say in it.
        """
        facts = {name: value for name, value in data.items() if name != "signature"}
        if facts and not trust.verify([trust.digest(encoded(facts))], str(data.get("signature", ""))):
            return None
        return cls(
            tuple((entry, follower) for entry, follower in facts.get("placed", ())),
            tuple(facts.get("removed", ())),
            facts.get("folder", ""),
            dict(facts.get("environment", {})),
            tuple(facts.get("withheld", ())),
            facts.get("began", ""),
        )

    def apply(self) -> None:
        """Make them in this process.

        Raises
        ------
        RunError
            The working folder is gone.
        """
        sys.path[:] = self.on_path(sys.path)
        importlib.invalidate_caches()
        for name, value in self.environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self.folder:
            try:
                os.chdir(self.folder)
            except OSError as error:
                raise RunError(
                    f"the working folder that a cell has gone to, {self.folder}, cannot be gone to ({error.strerror}); "
                    "make it again"
                ) from error

    def on_path(self, path: Sequence[str]) -> list[str]:
        """Return a path with the changes made to it: before what follows there, in front where that is missing.

        Examples
        --------
        >>> Changes((("lib", "/usr"), ("/late", None)), ("/old",)).on_path(["", "/old", "/usr"])
        ['', 'lib', '/usr', '/late']
        """
        changed = [entry for entry in path if entry not in self.removed]
        for entry, follower in reversed(self.placed):
            if entry in changed:
                changed.remove(entry)
            place = len(changed) if follower is None else 0
            changed.insert(changed.index(follower) if follower in changed else place, entry)
        return changed

    def folders(self) -> list[str]:
        """Return where modules were looked for beside the usual places, as whole paths."""
        return [str(Path(self.began, self.folder, entry)) for entry, _ in self.placed]

    def __str__(self) -> str:
        """Return them in words, without values of the environment.

        Examples
        --------
        >>> print(Changes((("lib", ""),), (), "/data", {"COLOUR": "green"}, ("API_TOKEN",)))
        sys.path has lib; the working folder is /data; set in the environment: COLOUR; to set by yourself: API_TOKEN
        """
        told = {
            "sys.path has": [entry for entry, _ in self.placed],
            "sys.path lacks": self.removed,
            "the working folder is": [self.folder] if self.folder else [],
            "set in the environment:": self.environment,
            "to set by yourself:": self.lacking(),
        }
        return "; ".join(f"{what} {', '.join(names)}" for what, names in told.items() if names)

    def lacking(self) -> list[str]:
        """Return the names of environment variables that were not kept and are not set here."""
        return [name for name in self.withheld if name not in os.environ]


def changes_at(timeline: Timeline, position: int) -> Changes | None:
    """Return what was changed at a position of a run's line; None when that is nothing, or not the user's own."""
    around = timeline.records[position - 1].around if position else {}
    return Changes.from_json(around) if around else None


def found_in(timeline: Timeline) -> list[str]:
    """Return the folders beside the usual ones that modules of a run's values may be found in."""
    ends = range(len(timeline.records), 0, -1)
    found = next((changes for at in ends if (changes := changes_at(timeline, at)) is not None), None)
    return [] if found is None else found.folders()


@contextmanager
def searched_last(folders: Iterable[str]) -> Iterator[None]:
    """Have modules looked for in more folders, after all others."""
    more = [folder for folder in folders if folder not in sys.path]
    sys.path += more
    try:
        yield
    finally:
        sys.path[:] = [entry for entry in sys.path if entry not in more]


def signed_anew(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `Changes.to_json` gave, signed with the user's key."""
    facts = {name: value for name, value in data.items() if name != "signature"}
    return facts | {"signature": _signature(facts)}


def _signature(facts: Mapping[str, Any]) -> str:
    return trust.sign([trust.digest(encoded(facts))])


def _is_text(entry: object) -> TypeGuard[str]:
    return isinstance(entry, str)


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _set_since(
    before: Mapping[str, str], now: Mapping[str, str], exclusion: Exclusion
) -> tuple[dict[str, str | None], tuple[str, ...]]:
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    excluded = exclusion.reasons(changed)
    withheld = [name for name, value in changed.items() if name in excluded or may_be_secret(name, value)]
    kept: dict[str, str | None] = {name: changed[name] for name in changed if name not in withheld}
    return kept | dict.fromkeys(name for name in before if name not in now), tuple(sorted(withheld))


def may_be_secret(name: str, value: str) -> bool:
    """Return whether the value of an environment variable is better not written down.

    Examples
    --------
    >>> may_be_secret("AWS_SECRET_ACCESS_KEY", "x"), may_be_secret("PROXY", "http://me:pw@host"), may_be_secret("TZ", "UTC")
    (True, True, False)
    """
    return bool(_SECRET.search(name) or _SECRETS_WITHIN.search(value) or len(value) > _LONG)


def _unique(path: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(path))


def _moved(before: list[str], now: list[str]) -> tuple[tuple[Placed, ...], tuple[str, ...]]:
    """Return what stands elsewhere or is new, with what follows it, and what is gone."""
    matches = SequenceMatcher(None, before, now, autojunk=False).get_matching_blocks()
    stayed = {place for block in matches for place in range(block.b, block.b + block.size)}
    followers = [*now[1:], None]
    placed = tuple((now[place], followers[place]) for place in range(len(now)) if place not in stayed)
    return placed, tuple(entry for entry in before if entry not in now)
