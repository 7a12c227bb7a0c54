"""A ZODB database whose commits leave nothing large behind."""

from __future__ import annotations

from typing import Any

from ZODB import DB
from ZODB.Connection import Connection

from pforge_lab.state.zodb.leaves import LeafPickler, LeafWriter


class LeanConnection(Connection):  # type: ignore[misc] # ZODB has no types
    """A connection whose writers let go of the last record they wrote.

    Leaves of small values are pickled by a LeafPickler.

    A writer of ZODB is in a cycle with its pickler: it, and a record of up to a MiB, would stay until the
    garbage collector comes by, and there is one for each leaf of the tree that a commit changes.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._leaves = LeafPickler()

    def _store_objects(self, writer: Any, transaction: Any) -> None:
        try:
            super()._store_objects(LeafWriter(writer, self._leaves), transaction)
        finally:
            writer._file.seek(0)  # noqa: SLF001 - there is no public way
            writer._file.truncate()  # noqa: SLF001


class LeanDB(DB):  # type: ignore[misc] # ZODB has no types
    """A database of such connections."""

    klass = LeanConnection
