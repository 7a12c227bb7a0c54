"""Transactions of one connection, one after the other: the small part of the package `transaction` that takes no time."""

from __future__ import annotations

import logging
from typing import Any

from transaction.interfaces import NoTransaction

logger = logging.getLogger("pforge_lab.state")


class SoloTransaction:
    """What a connection changes, until it is committed or aborted.

    Attributes
    ----------
    voted
        Once True, all who take part have agreed, and the commit is under way. What fails from then on, such
        as a server that dies, leaves it open what is stored: such a commit must not be tried again.
    """

    # What ZODB keeps with each transaction: nothing.
    user = description = extension = b""

    def __init__(self) -> None:
        self.voted = False
        self.resources: list[Any] = []
        self._data: dict[int, Any] = {}

    def join(self, resource: Any) -> None:
        """Let ``resource`` take part."""
        self.resources.append(resource)

    def set_data(self, resource: Any, data: Any) -> None:
        """Keep something for ``resource``."""
        self._data[id(resource)] = data

    def data(self, resource: Any) -> Any:
        """Return what was kept for ``resource``."""
        return self._data[id(resource)]


class SoloManager:
    """Begins and ends the transactions of a connection, for one thread at a time.

    ZODB asks it for the transaction that an object's change belongs to, and to be told when one begins and
    ends; a commit in two phases, and cleaning up after one that failed, is all that is left to do. The
    package's own manager takes a sixth of the time of a small commit.
    """

    explicit = True  # to ZODB: there is no transaction unless one was begun

    def __init__(self) -> None:
        self._transaction: SoloTransaction | None = None
        self._told: list[Any] = []

    def registerSynch(self, synch: Any) -> None:  # noqa: N802 - the protocol's name
        """Tell ``synch``, which is a connection, of transactions that begin and end."""
        self._told.append(synch)
        if self._transaction is not None:
            synch.newTransaction(self._transaction)

    def unregisterSynch(self, synch: Any) -> None:  # noqa: N802 - the protocol's name
        """Tell ``synch`` no more."""
        self._told.remove(synch)

    def get(self) -> SoloTransaction:
        """Return the transaction that was begun."""
        if self._transaction is None:
            raise NoTransaction
        return self._transaction

    def begin(self) -> SoloTransaction:
        """Begin a transaction: what the connection reads is the newest from now on."""
        self.abort()
        current = self._transaction = SoloTransaction()
        for synch in self._told:
            synch.newTransaction(current)
        return current

    def abort(self) -> None:
        """Forget what was changed; there need not be a transaction."""
        current = self._transaction
        if current is None:
            return
        try:
            for resource in current.resources:
                resource.abort(current)
        finally:
            self._end(current)

    def commit(self) -> None:
        """Store what was changed, or raise and forget it."""
        current = self.get()
        try:
            for resource in current.resources:
                resource.tpc_begin(current)
            for resource in current.resources:
                resource.commit(current)
            for resource in current.resources:
                resource.tpc_vote(current)
            current.voted = True
            for resource in current.resources:
                resource.tpc_finish(current)
        except BaseException:
            _give_up(current)
            raise
        finally:
            self._end(current)

    def _end(self, current: SoloTransaction) -> None:
        self._transaction = None
        for synch in self._told:
            synch.afterCompletion(current)


def _give_up(failed: SoloTransaction) -> None:
    """Let all who took part in a commit forget it; what fails meanwhile must not hide why it did."""
    for resource in failed.resources:
        for forget in (resource.tpc_abort,) if failed.voted else (resource.abort, resource.tpc_abort):
            try:
                forget(failed)
            except Exception:
                logger.exception("could not clean up after a commit that failed")
