"""The lines of a run: where its history forks, and which line holds a position."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pforge_lab.quick import quickly_made

if TYPE_CHECKING:
    from collections.abc import Iterator


@quickly_made
@dataclass(frozen=True, slots=True)
class Line:
    """One line of history.

    Attributes
    ----------
    number
        0 for the first line of a run, then in order of making.
    parent
        The line it leaves, or None for the first.
    base
        The position it leaves its parent at; 0 for the first line.
    end
        Its last position.
    """

    number: int
    parent: int | None
    base: int
    end: int


@quickly_made
@dataclass(frozen=True, slots=True)
class Lines:
    """All lines of a run, with the current one and the position on it.

    Examples
    --------
    >>> lines = Lines.first()
    >>> for _ in range(3):
    ...     lines = lines.advanced()
    >>> lines = lines.moved(1).advanced()      # back to 1, then a step: a new line
    >>> lines.current
    Line(number=1, parent=0, base=1, end=2)
    >>> lines.path()                           # which line holds positions 0, 1, 2
    [0, 0, 1]
    """

    all: tuple[Line, ...]
    number: int
    position: int

    @classmethod
    def first(cls) -> Lines:
        """Return the single line of a run that has not begun."""
        return cls((Line(0, None, 0, 0),), 0, 0)

    @property
    def current(self) -> Line:
        """The line the run is on."""
        return self.all[self.number]

    def moved(self, position: int) -> Lines:
        """Return the same lines, standing at another position of the current one."""
        return replace(self, position=position)

    def switched(self, number: int) -> Lines:
        """Return the same lines, standing at the end of another one."""
        return replace(self, number=number, position=self.all[number].end)

    def advanced(self) -> Lines:
        """Return the lines after one more accepted record, on a new line when it was not at the end."""
        current, position = self.all[self.number], self.position + 1
        if self.position == current.end:
            longer = Line(current.number, current.parent, current.base, position)
            everything = (*self.all[: self.number], longer, *self.all[self.number + 1 :])
            return Lines(everything, self.number, position)
        new = Line(len(self.all), self.number, self.position, position)
        return Lines((*self.all, new), new.number, position)

    def path(self) -> list[int]:
        """Return, for every position of the current line from 0, the number of the line that holds it."""
        line, numbers, upper = self.current, [0] * (self.current.end + 1), self.current.end
        while True:
            first = line.base + 1 if line.parent is not None else 0
            for position in range(first, upper + 1):
                numbers[position] = line.number
            if line.parent is None:
                return numbers
            upper, line = min(upper, line.base), self.all[line.parent]

    def holder(self, position: int) -> int:
        """Return the number of the line that holds a position of the current line."""
        line = self.current
        while line.parent is not None and position <= line.base:
            line = self.all[line.parent]
        return line.number

    def places(self) -> Iterator[tuple[int, int]]:
        """Yield every position of every line, as the line that holds it and the position."""
        for line in self.all:
            first = 0 if line.parent is None else line.base + 1
            yield from ((line.number, position) for position in range(first, line.end + 1))

    def to_json(self) -> dict[str, Any]:
        """Return the lines as JSON values."""
        everything = [[line.number, line.parent, line.base, line.end] for line in self.all]
        return {"all": everything, "number": self.number, "position": self.position}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Lines:
        """Make lines from what `to_json` returned."""
        return cls(tuple(Line(*line) for line in data["all"]), data["number"], data["position"])
