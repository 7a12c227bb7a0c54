"""What goes wrong below, in the words of this package."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from transaction.interfaces import TransientError
from ZODB.FileStorage.format import CorruptedError
from ZODB.POSException import POSKeyError, ReadConflictError, StateLoadError, StorageError

from pforge_lab.errors import PforgeError, StateCorrupt, StateError, StateFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

#: Numbers of errors that say that the disk, or one's share of it, is full.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def patiently(attempt: Callable[[], T]) -> T:
    """Try again while another process that opens the same new database is in the way."""
    for _ in range(10):
        with suppress(TransientError):
            return attempt()
    return attempt()


@contextmanager
def named(url: str) -> Iterator[None]:
    """Turn errors of the system and of ZODB into errors that name the store."""
    try:
        yield
    except PforgeError:
        raise
    except Exception as error:
        raise fault(error, url) from error


def fault(error: Exception, url: str) -> Exception:
    """Return the error of this package for one from below; others as they are."""
    said = " ".join(str(error).split())
    if _is_full(error):
        return StateFull(
            f"{url} is full: {said}; nothing of this was stored, what was stored before stands. Free some space, or compact()",
            url=url,
        )
    if isinstance(error, StateLoadError):
        cause = error.__cause__
        unreadable = StateCorrupt(
            f"{url} holds a record that cannot be read: {cause}; restore it from a backup", url=url
        )
        return cause if isinstance(cause, PforgeError) else unreadable
    if isinstance(error, POSKeyError | ReadConflictError):
        return StateCorrupt(
            f"{url} is damaged: a record that is referred to is missing ({said}); restore it from a backup",
            url=url,
        )
    if isinstance(error, CorruptedError):
        return StateCorrupt(
            f"{url} is damaged: {said}; what can be read of it, can be read: copy it to a new store, or restore it from a backup",
            url=url,
        )
    drivers = type(error).__module__.startswith(("psycopg2", "ZEO"))
    if drivers or isinstance(error, OSError | sqlite3.Error | StorageError):
        return StateError(f"{url} cannot be used: {said}; nothing of this was stored", url=url)
    return error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in FULL
    return isinstance(error, sqlite3.Error) and "full" in str(error)
