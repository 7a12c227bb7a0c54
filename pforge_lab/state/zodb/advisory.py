"""Turns of those that write to a PostgreSQL database."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.errors import LockNotAvailable

from pforge_lab.state.zodb.turns import PATIENCE, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER = 0x70666F726765  # of our lock in the database


class DatabaseTurns:
    """Turns that processes take anywhere, by an advisory lock of a PostgreSQL database.

    A commit costs two more questions to the server, on a connection of its own. Turns come in the order in which
    they are asked for.

    Raises
    ------
    StateError
        From a turn, if it does not come within ten minutes.
    psycopg2.Error
        From a turn, if the server does not answer.
    """

    def __init__(self, dsn: str, url: str) -> None:
        self._dsn = dsn
        self._url = url
        self._session: Any = None

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Take a turn beside others; for one thread at a time."""
        session = self._asked()
        try:
            yield
        finally:
            try:
                _ask(session, "pg_advisory_unlock_shared")
            except psycopg2.Error:  # the server has ended the session, and with it the lock
                self.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Take a turn alone, which ends with a connection made for it."""
        with closing(self._connected()) as session:
            self._wait(session, "pg_advisory_lock")
            yield

    def close(self) -> None:
        """Close the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _asked(self) -> Any:
        """Return a connection that holds the lock; a new one if the server was started again meanwhile."""
        for old in (True, False):
            if self._session is None:
                self._session = self._connected()
            try:
                self._wait(self._session, "pg_advisory_lock_shared")
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self.close()
                if not old:
                    raise
            else:
                break
        return self._session

    def _connected(self) -> Any:
        session = psycopg2.connect(self._dsn)
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", (int(PATIENCE * 1000),))
        return session

    def _wait(self, session: Any, function: str) -> None:
        try:
            _ask(session, function)
        except LockNotAvailable as error:
            raise too_long(self._url) from error


def _ask(session: Any, function: str) -> None:
    with session.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", (_NUMBER,))
