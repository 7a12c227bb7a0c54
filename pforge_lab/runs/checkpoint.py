"""A place to come back to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run and a position on one of its lines: small, and can be pickled or written down.

    Attributes
    ----------
    run
        The run's id.
    line, position
        Where on it.
    place
        URL of the store it lives in.
    """

    run: str
    line: int
    position: int
    place: str
