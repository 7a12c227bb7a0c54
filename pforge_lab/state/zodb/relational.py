"""The store in a SQL database: several processes write to it, and no server of ours is needed."""

from __future__ import annotations

import logging
import sqlite3
import time
from abc import abstractmethod
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from relstorage.adapters.sqlite.adapter import Sqlite3Adapter
from relstorage.options import Options
from relstorage.storage import RelStorage
from ZODB.POSException import ConflictError

from pforge_lab.errors import StateError, WrongValue
from pforge_lab.state.checks import without_password
from pforge_lab.state.files import file_url
from pforge_lab.state.zodb.durable import create_private, create_private_directory
from pforge_lab.state.zodb.faults import named
from pforge_lab.state.zodb.objects import ObjectStateManager
from pforge_lab.state.zodb.turns import FolderTurns

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from pforge_lab.state.handle import Mode
    from pforge_lab.state.zodb.turns import Turns
    from pforge_lab.state.zodb.writing import Durability

logging.getLogger("relstorage").addHandler(logging.NullHandler())  # what goes wrong is raised
_LARGEST = 900_000_000  # bytes; a row of either database ends a little below 1 GB


class UnmergedStorage(RelStorage):  # type: ignore[misc] # RelStorage has no types
    """A RelStorage that never merges two changes of one record: the later is run again instead.

    Merging would import whatever classes the database names, and would let a guard pass
    that no longer holds.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._crs_untransform_record_data = _refuse

    def registerDB(self, wrapper: Any) -> None:  # noqa: N802 - ZODB's name
        """Take part in the database, but merge nothing."""
        super().registerDB(wrapper)
        self._crs_untransform_record_data = _refuse


class RelationalStateManager(ObjectStateManager):
    """A store in a SQL database, for any number of processes that read and write.

    All values are records of the database, so that a batch is one SQL transaction. Reads see
    the newest commit of any process, for the price of one query each.

    Parameters
    ----------
    url
        As given to ``open_state``; the ``url`` attribute leaves a password out.
    mode, ttl, clock
        As for every store; ``ttl`` is in seconds or a timedelta.
    durability
        ``"commit"`` or ``"relaxed"``, with which a power cut may take the last batches.
    cache_size
        Objects that each thread keeps in memory.

    Raises
    ------
    StateError
        If the database cannot be reached or used; by a write, if its turn does not come within ten
        minutes.
    WrongValue
        For a ``durability`` that is none.
    """

    max_value_bytes = _LARGEST

    def __init__(
        self,
        url: str,
        *,
        mode: Mode = "w",
        durability: Durability = "commit",
        cache_size: int = 50_000,
        ttl: float | timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            without_password(url), mode=mode, alone=False, cache_size=cache_size, ttl=ttl, clock=clock
        )
        if durability not in ("commit", "relaxed"):
            raise WrongValue(f"durability is 'commit' or 'relaxed', not {durability!r}")
        self._turns = self._new_turns(url)
        turn = self._turns.shared() if mode == "w" else nullcontext()
        with named(self.url), ExitStack() as opened, self._opening(), turn:
            opened.callback(self._turns.close)
            storage = self._open_storage(url, durability)
            opened.callback(storage.close)
            self._start(storage, temporary=None)
            opened.pop_all()

    @classmethod
    def open(cls, url: str, mode: Mode, **options: Any) -> Self:
        """Open the store of a canonical URL."""
        return cls(url, mode=mode, **options)

    def _opening(self) -> AbstractContextManager[None]:
        """Keep others from creating the same tables at the same time, where the database does not."""
        return nullcontext()

    @abstractmethod
    def _new_turns(self, url: str) -> Turns:
        """Return the turns of those that write."""

    @abstractmethod
    def _open_storage(self, url: str, durability: Durability) -> UnmergedStorage:
        """Connect."""

    def _options(self) -> Options:
        return Options(
            keep_history=False, read_only=self.mode == "r", create_schema=self.mode == "w", cache_local_mb=16
        )

    def _behind(self) -> bool:
        return True

    def _follow(self) -> None:
        """Do nothing: the view's next transaction begins with what the database holds then."""

    def _compact(self) -> None:
        self._check_process()
        with named(self.url), self._turns.alone():
            self._storage._adapter.connmanager.open_and_call(_forget_references)  # noqa: SLF001 - there is no public way
            self._db.pack()
            self._shrink()
        self._publish()

    def _shrink(self) -> None:
        """Give room that was freed back, where that is not the database's own affair."""


class SQLiteStateManager(RelationalStateManager):
    """A store in a folder of SQLite databases, for the processes of one machine.

    ``sqlite:PATH`` names the folder. A batch is durable when it is acknowledged
    (``synchronous=FULL``); with ``durability="relaxed"`` a power cut may take the last ones.
    Values have at most 900 MB. The folder must be on a disk of this machine.

    Parameters
    ----------
    url
        ``sqlite:PATH`` of the folder, which is created where ``mode`` is ``"w"``.
    mode, ttl, clock
        As for every store; ``ttl`` is in seconds or a timedelta.
    durability
        ``"commit"`` or ``"relaxed"``, many times faster: a power cut may take the last batches.
    cache_size
        Objects that each thread keeps in memory.

    Raises
    ------
    StateError
        If the folder cannot be used, or there is none and ``mode="r"`` creates nothing; by a write, if
        its turn does not come within ten minutes.
    WrongValue
        For a ``durability`` that is none.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with SQLiteStateManager(f"sqlite:{folder.name}/lab.db") as state:
    ...     state.set("k", b"v")
    ...     state.get("k"), state.path.name
    (b'v', 'lab.db')
    >>> folder.cleanup()
    """

    @classmethod
    def canonical_url(cls, _scheme: str, rest: str) -> str:
        """Return the URL with the real, absolute path."""
        return file_url("sqlite", rest)

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.url.removeprefix("sqlite:"))

    def _opening(self) -> AbstractContextManager[None]:
        if self.path.is_file():
            raise StateError(
                f"{self.path} is a file; 'sqlite:' names a folder that holds the databases, give another path",
                url=self.url,
            )
        if self.mode == "w":
            create_private_directory(self.path)
            for name in ("main.sqlite3", "oids.sqlite3"):
                create_private(self.path / name)  # SQLite gives its other files the same mode
            return FolderTurns(self.path, self.url).opening()
        if not (self.path / "main.sqlite3").exists():
            raise StateError(
                f"{self.path} does not exist, and mode='r' creates nothing; open it with mode='w'",
                url=self.url,
            )
        return nullcontext()

    def _open_storage(self, url: str, durability: Durability) -> UnmergedStorage:
        del url
        pragmas = {"synchronous": "FULL" if durability == "commit" else "NORMAL"}
        options = self._options()
        options.driver = "sqlite3"
        adapter = Sqlite3Adapter(str(self.path), pragmas, options=options)
        # An attempt puts its records into a temporary table before its transaction begins. RelStorage empties the
        # table as it rolls back, and does not roll back what has not begun: the next attempt would store them too.
        adapter.connmanager._may_need_rollback = lambda _connection: True  # noqa: SLF001 - there is no public way
        return UnmergedStorage(adapter, options=options)

    def _file_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.path.iterdir())

    def _new_turns(self, url: str) -> Turns:
        del url
        return FolderTurns(self.path, self.url)

    def _shrink(self) -> None:
        with closing(sqlite3.connect(self.path / "main.sqlite3", timeout=30)) as connection:
            connection.execute("VACUUM")


def _forget_references(_connection: Any, cursor: Any) -> None:
    """Remove what the last compaction has noted of references, so that this one reads them anew.

    With it RelStorage sometimes inserts a row that is already there when others have written meanwhile; that
    compaction fails, and those after it.
    """
    for table in ("object_refs_added", "object_ref", "pack_object"):
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names


def _refuse(_record: bytes) -> bytes:
    raise ConflictError
