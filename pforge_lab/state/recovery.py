"""What was put right when a store was opened after a crash."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger("pforge_lab.state")
logger.addHandler(logging.NullHandler())  # the warning says it already where logging is not set up


class StateRecovered(UserWarning):
    """A store was not closed cleanly and has been put right; the message says what became of it."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was put right when a store was opened.

    Attributes
    ----------
    path
        The store.
    reason
        What was found.
    lost
        Whether something that had been acknowledged is gone; None if that cannot be told.
        Never True without ``recover=True``, unless the file itself was taken away or its
        durability was ``"relaxed"``.
    saved
        Where the bytes that were cut off are kept, or None if there were none.
    """

    path: Path
    reason: str
    lost: bool | None = False
    saved: Path | None = None

    def __str__(self) -> str:
        """Return one line: what was found, what is lost, and where the rest is."""
        loss = {
            False: "nothing that had been stored is lost",
            True: "what had been stored after that is lost",
            None: "whether anything is lost cannot be told",
        }[self.lost]
        where = f"; the bytes cut off are kept in {self.saved}" if self.saved else ""
        return f"{self.path} was put right: {self.reason}; {loss}{where}"

    def report(self) -> None:
        """Warn and log."""
        logger.warning("%s", self)
        warnings.warn(StateRecovered(str(self)), stacklevel=2)
