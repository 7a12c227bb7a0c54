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
    """A store was not closed cleanly and has been put right; the message says what became of it.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     Recovery("lab.fs", "its last transaction was cut short").report()
    >>> print(seen[0].category.__name__, seen[0].message, sep=": ")
    StateRecovered: lab.fs was put right: its last transaction was cut short; nothing that had been stored is lost
    """


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

    Examples
    --------
    >>> recovery = Recovery("lab.fs", "its last transaction was cut short", saved="lab.fs.cut")
    >>> recovery.lost, recovery.saved  # of an open store: state.recovery
    (False, 'lab.fs.cut')
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     recovery.report()
    >>> seen[0].category.__name__
    'StateRecovered'
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
