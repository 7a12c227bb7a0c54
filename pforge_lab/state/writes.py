"""What can be changed in a store, each change one atomic step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pforge_lab.errors import StateConflict, WrongValue
from pforge_lab.state import transaction as transactions
from pforge_lab.state.batch import StoredBatch
from pforge_lab.state.checks import check_integer, check_key, check_seconds, check_value
from pforge_lab.state.primitives import Primitives

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from pforge_lab.state.batch import Batch, BatchChanges
    from pforge_lab.state.transaction import Transaction


class Writes(Primitives):
    """Writing, one key or many together; arguments are checked, and the store has to be writable.

    Attributes
    ----------
    default_ttl
        Lifetime in seconds of values that are stored without one; None for ever.
    """

    #: Largest value the backend can hold, in bytes; None for no limit but the disk's.
    max_value_bytes: int | None = None
    default_ttl: float | None

    def set(self, key: str, value: bytes, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key``; the previous value and its expiry are gone.

        It lives for ``ttl``, in seconds or a timedelta. Without one the store's own counts, if it has
        one; ``math.inf`` is for ever whatever that is.

        Raises
        ------
        StateFull
            If there is no room. What was stored before stands.
        WrongValue
            If the value is larger than ``max_value_bytes``.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1", ttl=60)
        >>> state.get("a")
        b'1'
        """
        self.check_writable()
        seconds = None if ttl is None else check_seconds(ttl, endless=True)
        self._store({}, {check_key(key): (check_value(value, key), seconds)})

    def set_many(self, mapping: Mapping[str, bytes], ttl: float | timedelta | None = None) -> None:
        """Store all values of ``mapping``, by their keys, or, when anything is wrong, none; costs one commit.

        They live for ``ttl``, in seconds or a timedelta, as in ``set``.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set_many({"a": b"1", "b": b"2"})
        >>> state.keys()
        ['a', 'b']
        """
        with self.batch() as batch:
            for key, value in mapping.items():
                batch.set(key, value, ttl)

    def delete(self, key: str) -> bool:
        """Remove ``key`` and return whether it existed.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1")
        >>> state.delete("a"), state.delete("a")
        (True, False)
        """
        self.check_writable()
        check_key(key)
        return self._transact(lambda transaction: transaction.delete(key))

    def expire(self, key: str, ttl: float | timedelta | None) -> bool:
        """Let ``key`` live for ``ttl`` from now on, for ever if None; return whether it exists.

        ``ttl`` is in seconds or a timedelta.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1", ttl=60)
        >>> state.expire("a", None), state.ttl("a"), state.expire("b", 5)
        (True, None, False)
        """
        self.check_writable()
        check_key(key)
        seconds = None if ttl is None else check_seconds(ttl)
        return self._transact(lambda transaction: transactions.expire(transaction, key, self._until(seconds)))

    def compare_and_set(
        self, key: str, expected: bytes | None, new: bytes | None, ttl: float | timedelta | None = None
    ) -> bool:
        """Store ``new`` under ``key`` if the value there is ``expected``, and return whether it was.

        What is stored lives for ``ttl``, in seconds or a timedelta, as in ``set``. None stands for no value: ``expected=None`` creates, ``new=None`` removes.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.compare_and_set("a", None, b"1"), state.compare_and_set("a", b"0", b"2"), state.get("a")
        (True, False, b'1')
        """
        try:
            with self.batch({key: expected}) as batch:
                batch.replace(key, new, ttl)
        except StateConflict:
            return False
        return True

    def increment(self, key: str, by: int = 1, ttl: float | timedelta | None = None) -> int:
        """Add ``by`` to the number under ``key`` and return the sum; a missing key counts from 0.

        The number is kept as decimal text, within 64 bits. ``ttl``, in seconds or a timedelta, counts
        from the moment the key is created: later increments leave its expiry as it is.

        Raises
        ------
        StateError
            If the value is not a number.
        WrongValue
            If the sum does not fit into 64 bits.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.increment("hits"), state.increment("hits", by=10), state.get("hits")
        (1, 11, b'11')
        """
        self.check_writable()
        check_key(key)
        check_integer(by, "by")
        seconds = self.default_ttl if ttl is None else check_seconds(ttl)
        return self._increment(key, by, seconds)

    def batch(
        self, guard: Mapping[str, bytes | None] | None = None, *, durable: bool = True
    ) -> AbstractContextManager[Batch]:
        """Collect changes and store them together when the block ends, or none if it raises.

        Parameters
        ----------
        guard
            Values that keys must have at the moment the batch is stored; None for no value.
        durable
            False for what only has to survive this process: a kill loses nothing of it, a power cut
            may take it, though never what is stored durably after it without it. A ZODB file then does
            not wait for the disk; other stores keep it as they keep everything.

        Raises
        ------
        StateConflict
            If a guard does not match; ``keys`` of the error are those that differ.
        WrongValue
            If a value is larger than ``max_value_bytes``.
        UsageError
            By a change of the batch after its block has ended.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> with state.batch(guard={"head": None}) as batch:
        ...     batch.set("head", b"1")
        >>> with state.batch(guard={"head": None}) as batch:
        ...     batch.set("head", b"2")
        Traceback (most recent call last):
        ...
        pforge_lab.errors.StateConflict: 'head' in memory: has changed meanwhile; nothing was stored, read it again
        """
        return StoredBatch(self, self.check_guard(guard), durable=durable)

    def check_guard(self, guard: Mapping[str, bytes | None] | None) -> dict[str, bytes | None]:
        """Return what a guard expects, once its keys and values are such and the store can be written."""
        self.check_writable()
        return {
            check_key(key): None if value is None else check_value(value, key)
            for key, value in (guard or {}).items()
        }

    def store(
        self, expected: dict[str, bytes | None], changes: BatchChanges, *, durable: bool = True
    ) -> None:
        """Store changes together, or none: what a batch does when it ends, with what needs no check any more.

        Parameters
        ----------
        expected
            Values that keys must have, as `check_guard` returned them.
        changes
            For each key, the value and its lifetime in seconds (None for the store's own, ``inf`` for
            ever), or None to remove it.
        durable
            As for `batch`.

        Raises
        ------
        StateConflict, WrongValue
            As by `batch`.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.store({"a": None}, {"a": (b"1", None)})
        >>> state.get("a")
        b'1'
        """
        self.check_writable()
        self._store(expected, changes, durable=durable)

    def _store(
        self, expected: dict[str, bytes | None], changes: BatchChanges, *, durable: bool = True
    ) -> None:
        if expected or changes:
            self._transact(self.storing(expected, changes), durable=durable)

    def storing(
        self, expected: dict[str, bytes | None], changes: BatchChanges
    ) -> Callable[[Transaction], None]:
        """Return the work of storing ``changes`` if the values are those ``expected``; for backends.

        Raises
        ------
        StateConflict
            By the work, where a value differs.
        WrongValue
            A value is larger than the backend can hold.
        """
        self._check_sizes(changes)

        def work(transaction: Transaction) -> None:
            differing = transactions.misfits(transaction, expected)
            if differing:
                raise StateConflict(
                    f"{', '.join(map(repr, differing))} in {self.url} has changed meanwhile; nothing was stored, read it again",
                    url=self.url,
                    keys=differing,
                )
            for key, change in changes.items():
                if change is None:
                    transaction.delete(key)
                else:
                    value, seconds = change
                    expires = (
                        None
                        if seconds == math.inf
                        else self._until(self.default_ttl if seconds is None else seconds)
                    )
                    transaction.put(key, value, expires)

        return work

    def _check_sizes(self, changes: BatchChanges) -> None:
        limit = self.max_value_bytes
        for key, change in changes.items() if limit is not None else ():
            if change is not None and limit is not None and len(change[0]) > limit:
                raise WrongValue(
                    f"the value of {key!r} has {len(change[0]):,} bytes; {self.url} holds at most {limit:,} under one key",
                    key=key,
                )
