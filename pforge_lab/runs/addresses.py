"""What positions and labels stand for on the lines of a run."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, SupportsIndex

from pforge_lab.errors import PositionError, WrongType, near_misses
from pforge_lab.runs.retention import described

if TYPE_CHECKING:
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.journal import Journal
    from pforge_lab.runs.lines import Lines
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import StepRecord


class Addresses:
    """The current line, to be asked for places. The base of `Timeline`."""

    journal: Journal
    labels: tuple[str, ...]
    head: Head
    records: list[StepRecord]

    @property
    def position(self) -> int:
        """The position on the current line."""
        return self.head.lines.position

    @property
    def history(self) -> list[StepRecord]:
        """The records up to the position."""
        return self.records[: self.position]

    def manifest(self, position: int) -> Manifest:
        """Return the snapshot at a position of the current line."""
        return self.journal.manifest(self.head.lines.holder(position), position)

    def maker(self, name: str, position: int) -> str | None:
        """Return the label of the step that last wrote a variable at or before a position."""
        for record in reversed(self.records[:position]):
            if name in record.changed and record.step is not None:
                return record.label
        return None

    def resolve(self, target: SupportsIndex | str) -> int:
        """Return the position that a position or label stands for.

        Edits are labelled ``edit``: a step of that label comes before them.

        Raises
        ------
        PositionError
            There is none; a label not reached yet is answered with how to reach it.
        WrongType
            It is neither a whole number nor text.
        """
        if not isinstance(target, str):
            return self._numbered(target)
        if found := self._labelled(target):
            return found[-1]
        if target in self.labels:
            raise self._error(
                f"step {target!r} was not reached yet; execute up to it with finish(until={target!r})"
            )
        label, _, number = target.rpartition("#")
        found = self._labelled(label)
        if number.isdigit() and 1 <= int(number) <= len(found):
            return found[int(number) - 1]
        known = {record.label for record in self.records} | set(self.labels)
        raise self._error(f"there is no step {target!r}{near_misses(target, known)}")

    def _labelled(self, label: str) -> list[int]:
        """Return the positions of that label's records: those of a step, or of edits where no step is called so."""
        found = [record for record in self.records if record.label == label]
        if label in self.labels or any(record.step is not None for record in found):
            found = [record for record in found if record.step is not None]
        return [record.index for record in found]

    def _numbered(self, target: SupportsIndex) -> int:
        try:
            if isinstance(target, bool):
                raise TypeError  # noqa: TRY301 - True is an integer to Python
            position = index(target)  # NumPy's integers too: a cell of run.records
        except TypeError:
            raise WrongType(f"a place on a run is a position or a label, not {target!r}") from None
        end = self.head.lines.current.end
        if 0 <= position <= end:
            return position
        raise self._error(
            f"there is no position {position}: the current line of the run goes from 0 to {end}"
        )

    def on_line(self, number: int, position: int | None) -> Lines:
        """Return the lines standing at a position of another line, its end by default."""
        if not 0 <= number < len(self.head.lines.all):
            raise self._error(f"there is no line {number}; there are 0 to {len(self.head.lines.all) - 1}")
        there = self.head.lines.switched(number)
        if position is None:
            return there
        if not 0 <= position <= there.current.end:
            raise self._error(
                f"there is no position {position} on line {number}: it ends at {there.current.end}"
            )
        return there.moved(position)

    def check_kept(self, there: Lines) -> None:
        """Raise `PositionError` when the snapshot at a place was removed.

        The message names the positions of the line that can still be gone to.
        """
        kept = self.head.kept
        if kept is None or (there.holder(there.position), there.position) in kept:
            return
        left = [
            position
            for position in range(there.current.end + 1)
            if (there.holder(position), position) in kept
        ]
        raise self._error(
            f"the snapshot at position {there.position} was removed, as the run keeps {described(self.head.keep)}; "
            f"positions that can be gone to: {', '.join(map(str, left))}"
        )

    def is_kept(self) -> bool:
        """Return whether there is a snapshot where the run stands."""
        lines, kept = self.head.lines, self.head.kept
        return kept is None or (lines.holder(lines.position), lines.position) in kept

    def check_label(self, label: str) -> None:
        """Raise `PositionError` unless the pipeline has a step of that label."""
        if label not in self.labels:
            raise self._error(f"there is no step {label!r}{near_misses(label, self.labels)}")

    def _error(self, message: str) -> PositionError:
        return PositionError(message, run=self.journal.run)
