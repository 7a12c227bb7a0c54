"""The store in a PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relstorage.adapters.postgresql import PostgreSQLAdapter

from pforge_lab.state.zodb.advisory import DatabaseTurns
from pforge_lab.state.zodb.relational import RelationalStateManager, UnmergedStorage

if TYPE_CHECKING:
    from pforge_lab.state.zodb.turns import Turns
    from pforge_lab.state.zodb.writing import Durability


class PostgreSQLStateManager(RelationalStateManager):
    """A store in a PostgreSQL database of its own, for processes anywhere.

    ``postgresql://user:password@host/database`` as libpq reads it. One store per database.
    Durability is the server's ``synchronous_commit``. Values have at most 900 MB. Connections keep locks from
    one transaction to the next: a pooler in between must pool sessions, not transactions.

    Parameters
    ----------
    url
        ``postgresql://user:password@host/database``; the ``url`` attribute leaves the password out.
    mode, ttl, clock
        As for every store; ``ttl`` is in seconds or a timedelta.
    durability
        ``"commit"`` or ``"relaxed"``, with which a crash of the server may take the last batches.
    cache_size
        Objects, not bytes, that each thread keeps in memory.

    Raises
    ------
    StateError
        If the database cannot be reached or used; by a write, if its turn does not come within ten
        minutes.
    WrongValue
        For a ``durability`` that is none.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> with open_state(postgresql_url) as state:  # such as postgresql://ada@localhost/lab
    ...     state.set("example", b"hello", ttl=60)
    ...     state.get("example"), state.delete("example")
    (b'hello', True)
    """

    @classmethod
    def canonical_url(cls, _scheme: str, rest: str) -> str:
        """Return the URL."""
        return f"postgresql:{rest}"

    def _new_turns(self, url: str) -> Turns:
        return DatabaseTurns(url, self.url)

    def _open_storage(self, url: str, durability: Durability) -> UnmergedStorage:
        options = self._options()
        options.driver = "psycopg2"
        relaxed = " -c synchronous_commit=off" if durability == "relaxed" else ""
        dsn = f"{url}{'&' if '?' in url else '?'}options=-c%20application_name%3Dpforge_lab{relaxed.replace(' ', '%20').replace('=', '%3D')}"
        return UnmergedStorage(PostgreSQLAdapter(dsn=dsn, options=options), options=options)

    def _file_bytes(self) -> int | None:
        size: int = self._storage.getSize()
        return size
