"""Changes that are stored together or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pforge_lab.errors import UsageError
from pforge_lab.state.checks import check_key, check_seconds, check_value

if TYPE_CHECKING:
    from datetime import timedelta

    from pforge_lab.state.writes import Writes


#: For each key, the value and its lifetime in seconds, or None to remove it.
BatchChanges = dict[str, tuple[bytes, float | None] | None]


class Batch:
    """Changes waiting for the end of ``with state.batch()``; the last change of a key counts.

    Reading through the store shows none of them before the batch has ended. A lifetime
    starts when the batch is stored.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> state = MemoryStateManager()
    >>> with state.batch() as batch:
    ...     batch.set("a", b"1")
    ...     batch.set("b", b"2")
    ...     batch.replace("c", b"3")
    ...     batch.delete("b")
    >>> state.keys()
    ['a', 'c']
    """

    def __init__(self) -> None:
        self.changes: BatchChanges = {}
        self._ended = False

    def __len__(self) -> int:
        return len(self.changes)

    def set(self, key: str, value: bytes, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key`` when the batch ends, for ``ttl`` seconds (or a timedelta) from then on."""
        self._check_running()
        seconds = None if ttl is None else check_seconds(ttl, endless=True)
        self.changes[check_key(key)] = (check_value(value, key), seconds)

    def delete(self, key: str) -> None:
        """Remove ``key`` when the batch ends; it need not exist."""
        self._check_running()
        self.changes[check_key(key)] = None

    def replace(self, key: str, value: bytes | None, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key`` for ``ttl`` seconds (or a timedelta), or remove ``key`` if it is None."""
        if value is None:
            self.delete(key)
        else:
            self.set(key, value, ttl)

    def end(self) -> None:
        """Refuse further changes: the batch is stored, or given up.

        Examples
        --------
        >>> batch = Batch()
        >>> batch.end()
        >>> batch.delete("a")
        Traceback (most recent call last):
        pforge_lab.errors.UsageError: this batch has ended; begin another: with state.batch() as batch: ...
        """
        self._ended = True

    def _check_running(self) -> None:
        if self._ended:
            raise UsageError("this batch has ended; begin another: with state.batch() as batch: ...")


class StoredBatch(Batch):
    """What ``with state.batch()`` gives: a batch that is stored when its block ends, and not if it raises.

    Parameters
    ----------
    store
        Where.
    expected
        What its keys must have at that moment.
    durable
        As for ``state.batch``.
    """

    def __init__(self, store: Writes, expected: dict[str, bytes | None], *, durable: bool) -> None:
        super().__init__()
        self._store, self._expected, self._durable = store, expected, durable

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_raised: object) -> None:
        self._ended = True
        if kind is None:
            self._store.store(self._expected, self.changes, durable=self._durable)
