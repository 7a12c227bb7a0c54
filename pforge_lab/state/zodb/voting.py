"""Whether a commit that failed may have been stored all the same."""

from __future__ import annotations


class LastVote:
    """Joins a transaction as the last to vote.

    Attributes
    ----------
    given
        Once True, all have voted, and the commit is under way. What fails from then on, such as a server
        that dies, leaves it open what is stored: such a commit must not be tried again.
    """

    def __init__(self) -> None:
        self.given = False

    def sortKey(self) -> str:  # noqa: N802 - the name of the protocol
        """Return what sorts after the keys of all storages."""
        return "\U0010ffff"

    def abort(self, transaction: object) -> None:
        """There is nothing to undo."""

    tpc_begin = commit = tpc_finish = tpc_abort = abort

    def tpc_vote(self, transaction: object) -> None:  # noqa: ARG002 - the protocol's
        """Vote: whoever comes before has."""
        self.given = True
