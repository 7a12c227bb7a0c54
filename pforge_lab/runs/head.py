"""Where a run stands: the one value that every change of the run replaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateCorrupt
from pforge_lab.runs.encoding import decoded, encoded, moment
from pforge_lab.runs.lines import Lines
from pforge_lab.runs.owner import Owner

if TYPE_CHECKING:
    from pforge_lab.runs.records import RunStatus
    from pforge_lab.runs.retention import Keep, Place
    from pforge_lab.state import StateManager

HEADS = "pforge/head/"
FORMAT = 1


@dataclass(frozen=True)
class Head:
    """Where a run stands: the one value that every change of the run replaces.

    Attributes
    ----------
    status
        As stored; ``running`` with an owner that is gone means ``interrupted``.
    attempts
        Number of fail-fast attempts logged.
    carry
        Name under which the final variables are kept for the next run, or None.
    error
        The one-line error of the last attempt, while the status is ``failed``.
    keep, exclude
        Rules for snapshots and for variables, as they were given to ``start``.
    kept
        Lines and positions whose snapshot was not removed by that rule; None for all.
    """

    pipeline: str
    status: RunStatus
    lines: Lines
    steps_done: int
    steps_total: int
    created: datetime
    updated: datetime
    seconds: float = 0.0
    peak: int | None = None
    carry: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    attempts: int = 0
    error: str | None = None
    keep: Keep = "all"
    exclude: tuple[str, ...] = ()
    kept: tuple[Place, ...] | None = None
    _text: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def seen_status(self) -> RunStatus:
        """Return the status as it is now: a run whose process is gone was interrupted."""
        gone = self.status == "running" and (self.owner is None or not self.owner.alive())
        return "interrupted" if gone else self.status

    def to_bytes(self) -> bytes:
        """Return the head as JSON; what stays the same while a run goes on is encoded once."""
        fixed = _fixed_of(self)
        if not self._text or not all(map(is_, fixed, self._text[1])):
            owner = self.owner and self.owner.to_json()
            text = encoded(dict(zip(_FIXED, fixed, strict=True)) | {"format": FORMAT, "owner": owner})
            object.__setattr__(self, "_text", (text[:-1], fixed))
        moving = dict(zip(_MOVING, _moving_of(self), strict=True))
        moving["lines"] = self.lines.to_json()
        start: bytes = self._text[0]
        return start + b"," + encoded(moving)[1:]

    def changed(self, **changes: Any) -> Head:
        """Return the head with changes, several times faster than ``dataclasses.replace``: each step makes one."""
        head = object.__new__(Head)
        head.__dict__.update(self.__dict__, **changes)
        return head

    @classmethod
    def from_bytes(cls, text: bytes) -> Head:
        """Make a head from what `to_bytes` returned."""
        data = decoded(text)
        if (number := data.pop("format")) != FORMAT:
            raise StateCorrupt(
                f"the run was written by another version (format {number}, this one reads {FORMAT})"
            )
        return cls(
            **data
            | {
                "lines": Lines.from_json(data["lines"]),
                "created": moment(data["created"]),
                "updated": moment(data["updated"]),
                "owner": data["owner"] and Owner.from_json(data["owner"]),
                "exclude": tuple(data["exclude"]),
                "kept": data["kept"] and tuple((line, position) for line, position in data["kept"]),
            },
        )


_FIXED = ("pipeline", "steps_total", "created", "carry", "params", "owner", "keep", "exclude")
_MOVING = ("status", "steps_done", "updated", "seconds", "peak", "attempts", "error", "kept")
_fixed_of, _moving_of = attrgetter(*_FIXED), attrgetter(*_MOVING)


def heads(state: StateManager) -> dict[str, Head]:
    """Return the heads of all runs in a store, by run id."""
    found = state.get_many(state.keys(HEADS))
    return {key.removeprefix(HEADS): Head.from_bytes(text) for key, text in found.items()}


def touched(head: Head, **changes: Any) -> Head:
    """Return the head with changes, updated now."""
    return head.changed(updated=datetime.now(UTC), **changes)
