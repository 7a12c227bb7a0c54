"""What goes wrong below, in the words of this package."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ZODB.POSException import POSKeyError, ReadConflictError, StorageError

from pforge_lab.errors import PforgeError, StateCorrupt, StateError, StateFull

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
    if isinstance(error, OSError) and error.errno in _FULL:
        return StateFull(
            f"{url} is full: {error.strerror}; nothing of this was stored, what was stored before stands. Free some space, or compact()",
            url=url,
        )
    if isinstance(error, OSError):
        return StateError(f"{url} cannot be used: {error}; nothing of this was stored", url=url)
    if isinstance(error, sqlite3.Error) and "full" in str(error):
        return StateFull(
            f"{url} is full: {error}; nothing of this was stored, what was stored before stands. Free some space",
            url=url,
        )
    if isinstance(error, POSKeyError | ReadConflictError):
        return StateCorrupt(
            f"{url} is damaged: a record that is referred to is missing ({error}); restore it from a backup",
            url=url,
        )
    if isinstance(error, sqlite3.Error | StorageError) or type(error).__module__.startswith(
        ("psycopg2", "ZEO")
    ):
        return StateError(
            f"{url} cannot be used: {' '.join(str(error).split())}; nothing of this was stored", url=url
        )
    return error
