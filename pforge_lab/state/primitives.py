"""What a backend implements; all that a store promises is made of these."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, TypeVar

from pforge_lab.state import transaction as transactions
from pforge_lab.state.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.state.stats import StateStats
    from pforge_lab.state.transaction import Transaction

T = TypeVar("T")


class Primitives(Handle):
    """What a backend implements. Arguments have been checked and the store is open when these are called.

    Attributes
    ----------
    clock
        Returns the time in seconds.
    """

    clock: Callable[[], float]

    @abstractmethod
    def _get(self, key: str) -> bytes | None:
        """Return the live value."""

    def _get_buffer(self, key: str) -> memoryview | None:
        """Return a view of the live value."""
        value = self._get(key)
        return None if value is None else memoryview(value)

    @abstractmethod
    def _get_many(self, keys: list[str]) -> dict[str, bytes]:
        """Return the live values, read at one moment, in the order asked."""

    @abstractmethod
    def _keys(self, prefix: str) -> list[str]:
        """Return the live keys, sorted."""

    @abstractmethod
    def _expiry(self, key: str) -> float | None:
        """Return when ``key`` expires: ``inf`` for never, None if it does not exist."""

    @abstractmethod
    def _transact(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Run ``work`` in isolation and store what it changed, or nothing if it raises. May run it several times.

        Without ``durable`` a power cut may take the change; a backend for which that saves nothing may ignore it.
        """

    def _increment(self, key: str, by: int, seconds: float | None) -> int:
        """Add to a number; a new one lives for ``seconds``."""
        return self._transact(
            lambda transaction: transactions.plus(transaction, key, by, lambda: self._until(seconds))
        )

    @abstractmethod
    def _cleanup(self) -> int:
        """Remove what has expired."""

    @abstractmethod
    def _stats(self) -> StateStats:
        """Measure."""

    @abstractmethod
    def _compact(self) -> None:
        """Give space back."""

    def _until(self, seconds: float | None) -> float | None:
        return None if seconds in (None, math.inf) else self.clock() + seconds
