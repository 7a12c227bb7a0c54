"""A look inside two values: what is told of it, and when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.inside.brief import brief, kinds
from pforge_lab.runs.inside.equality import alike, equal
from pforge_lab.runs.inside.kinds import rule_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pforge_lab.runs.inside.kinds import Part

MOST = 5  # parts of a value that are told one by one
_PATH = 120  # characters of a path
HIDDEN = "differs in a way that its text does not show"


class Inside:
    """Looks for what changed inside values, for so long and no longer.

    Parameters
    ----------
    seconds
        To look in all values together; None for as long as it takes.
    clock
        Tells the time in seconds.

    Attributes
    ----------
    stopped
        Whether there was more to look at when the time was over.
    open
        Pairs, by their identities, that are being looked into: values may hold themselves.

    Examples
    --------
    >>> Inside(seconds=1).compare({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]})
    "['b'][1]: 2 -> 3"
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stopped = False
        self.open: set[tuple[int, int]] = set()
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds

    @property
    def over(self) -> bool:
        """Whether the time is over; to be asked when there is more to look at."""
        if self._end is not None and self._clock() >= self._end:
            self.stopped = True
            return True
        return False

    def compare(self, before: object, after: object) -> str:
        """Return what changed inside a value, or an empty string where nothing more is to tell.

        Never raises: where a class does, that is told.
        """
        visit = _Visit(self, MOST)
        visit.look(before, after)
        return visit.text()

    def changed(self, before: object, after: object) -> str:
        """Return what changed in a variable that is known to differ, beyond what the lines of both tell."""
        found = self.compare(before, after)
        return found if found or self.stopped or brief(before) != brief(after) else HIDDEN

    def differ(self, before: object, after: object) -> bool:
        """Return whether anything differs; NaN equals NaN, and True is not 1."""
        if alike(before, after):
            return False
        visit = _Visit(self, 1)
        visit.look(before, after, "it")
        return bool(visit.told)

    def pair(self, before: object, after: object) -> str:
        """Return two values that differ as one text."""
        old, new = brief(before), brief(after)
        if old != new or self.over:
            return f"{old} -> {new}"
        return kinds(before, after) or self.compare(before, after) or f"{new} {HIDDEN}"


class _Visit:
    """Goes through all that is inside two values, telling the first differences and counting the others.

    Parameters
    ----------
    inside
        The look that this is part of.
    most
        Differences to tell; where it is one, to find.
    """

    def __init__(self, inside: Inside, most: int) -> None:
        self.told: list[str] = []
        self._inside, self._most, self._more = inside, most, 0
        self._stack: list[tuple[str, Iterator[Part], tuple[int, int]]] = []

    def text(self) -> str:
        """Return what was found."""
        return "; ".join(self.told) + (f"; and {self._more:,} more" if self._more else "")

    def look(self, before: object, after: object, path: str = "") -> None:
        """Look into two values; a path says where they are, and so that not all is told when they are."""
        self._stack.append(("", iter(((path, before, after),)), (0, 0)))
        while self._stack and not self._found:
            try:
                while self._stack and not self._found:
                    self._step()
            except Exception as error:  # noqa: BLE001 - classes are the user's and may raise anything
                self._tell(self._stack[-1][0], f"looked into no further, that raises {type(error).__name__}")
        for _, _, pair in self._stack:
            self._inside.open.discard(pair)

    @property
    def _found(self) -> bool:
        return self._most == 1 and bool(self.told)

    def _step(self) -> None:
        path, parts, pair = self._stack[-1]
        part = next(parts, None)
        if part is None:
            self._stack.pop()
            self._inside.open.discard(pair)
        elif len(part) == 2:
            self._tell(_joined(path, part[0]), part[1])
        else:
            self._enter(_joined(path, part[0]), part[1], part[2])

    def _enter(self, path: str, before: Any, after: Any) -> None:
        pair = (id(before), id(after))
        if before is after or pair in self._inside.open or self._inside.over:
            return
        rule = rule_of(after)
        other = kinds(before, after)
        if rule is None or rule is not rule_of(before):
            self._leaf(path, before, after, other)
            return
        if other:
            self._tell(path, other)
        self._inside.open.add(pair)
        self._stack.append((path, rule(self._inside, before, after), pair))

    def _leaf(self, path: str, before: Any, after: Any, other: str) -> None:
        if not path:  # the lines of both are told anyway
            if other and brief(before) == brief(after):
                self._tell(path, other)
        elif other or not equal(before, after):
            if len(self.told) < self._most:
                self._tell(path, self._inside.pair(before, after))
            else:
                self._more += 1

    def _tell(self, path: str, text: str) -> None:
        if len(self.told) < self._most:
            self.told.append(f"{path.strip()}: {text}" if path else text)
        else:
            self._more += 1


def _joined(path: str, place: str) -> str:
    """Return the path of a place, without its middle where it is long."""
    whole = path + place
    return whole if len(whole) <= _PATH else f"{whole[: _PATH // 2]}…{whole[1 - _PATH // 2 :]}"
