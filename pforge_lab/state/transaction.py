"""What a backend shows to the one function that reads and writes under its isolation."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pforge_lab.errors import StateError
from pforge_lab.quick import quickly_made
from pforge_lab.state.checks import check_integer

if TYPE_CHECKING:
    from collections.abc import Callable


class Transaction(Protocol):
    """The little that every compound operation needs, so that a backend implements only this.

    What ``get`` and ``expires`` tell holds until the transaction ends: either nobody else
    writes in between, or the backend runs the function again. Expired keys are absent.
    Writes are seen by later reads of the same transaction, and by others all at once.
    """

    def get(self, key: str) -> bytes | None:
        """Return the live value of ``key``."""

    def expires(self, key: str) -> float | None:
        """Return when ``key`` expires on the store's clock: ``inf`` for never, None if it does not exist."""

    def put(self, key: str, value: bytes, expires: float | None) -> None:
        """Store a value that lives until ``expires``."""

    def touch(self, key: str, expires: float | None) -> None:
        """Change when an existing ``key`` expires."""

    def delete(self, key: str) -> bool:
        """Remove ``key`` and return whether it existed."""


def misfits(transaction: Transaction, expected: dict[str, bytes | None]) -> tuple[str, ...]:
    """Return the keys whose value is not the expected one, sorted."""
    found = [key for key, value in expected.items() if transaction.get(key) != value]
    return tuple(sorted(found)) if found else ()


def plus(transaction: Transaction, key: str, by: int, expiry: Callable[[], float | None]) -> int:
    """Add ``by`` to the decimal number under ``key``; a new one starts at 0 and gets ``expiry()``."""
    value = transaction.get(key)
    if value is None:
        transaction.put(key, b"%d" % by, expiry())
        return by
    total = check_integer(parse_integer(key, value) + by, f"the sum under {key!r}")
    transaction.put(key, b"%d" % total, _finite(transaction.expires(key)))
    return total


def expire(transaction: Transaction, key: str, expires: float | None) -> bool:
    """Let ``key`` live until ``expires``, and return whether it exists."""
    if transaction.expires(key) is None:
        return False
    transaction.touch(key, expires)
    return True


def parse_integer(key: str, value: bytes) -> int:
    """Return the number that ``increment`` keeps under ``key``."""
    if re.fullmatch(rb"0|-?[1-9][0-9]{0,18}", value) is None:
        shown = value if len(value) <= 40 else value[:37] + b"..."
        raise StateError(
            f"{key!r} holds {shown!r}, which is no number; increment() needs a key of its own", key=key
        )
    return int(value)


def _finite(expires: float | None) -> float | None:
    return None if expires == math.inf else expires


@quickly_made
@dataclass(frozen=True, slots=True)
class Put:
    """A value to store."""

    value: bytes
    expires: float | None


@dataclass(frozen=True, slots=True)
class Touch:
    """A new expiry for a key that exists."""

    expires: float | None


@dataclass(frozen=True, slots=True)
class Drop:
    """A key to remove."""


Change = Put | Touch | Drop


class Overlay:
    """A transaction that collects its changes, so that a function that raises has changed nothing.

    Parameters
    ----------
    read
        Returns the live value of a key from the store.
    expires
        Returns when a live key expires: ``inf`` for never, None if it does not exist.

    Attributes
    ----------
    changes
        What to apply to the store, the last change of each key.
    looked_at
        Keys whose value or expiry in the store the function has asked for.

    Examples
    --------
    >>> overlay = Overlay({"a": b"1"}.get, {"a": math.inf}.get)
    >>> overlay.delete("a"), overlay.get("a"), overlay.changes
    (True, None, {'a': Drop()})
    """

    def __init__(self, read: Callable[[str], bytes | None], expires: Callable[[str], float | None]) -> None:
        self.changes: dict[str, Change] = {}
        self.looked_at: set[str] = set()
        self._read = read
        self._expires = expires

    def get(self, key: str) -> bytes | None:
        """Return the value as this transaction sees it."""
        change = self.changes.get(key)
        if isinstance(change, Put):
            return change.value
        if isinstance(change, Drop):
            return None
        self.looked_at.add(key)
        return self._read(key)

    def expires(self, key: str) -> float | None:
        """Return the expiry as this transaction sees it."""
        change = self.changes.get(key)
        if change is None:
            self.looked_at.add(key)
            return self._expires(key)
        if isinstance(change, Drop):
            return None
        return math.inf if change.expires is None else change.expires

    def put(self, key: str, value: bytes, expires: float | None) -> None:
        """Note a value to store."""
        self.changes[key] = Put(value, expires)

    def touch(self, key: str, expires: float | None) -> None:
        """Note a new expiry."""
        change = self.changes.get(key)
        self.changes[key] = Put(change.value, expires) if isinstance(change, Put) else Touch(expires)

    def delete(self, key: str) -> bool:
        """Note a key to remove."""
        existed = self.expires(key) is not None
        if existed:
            self.changes[key] = Drop()
        return existed
