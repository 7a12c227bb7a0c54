"""What a store has accepted without having been told the bytes yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pforge_lab.state.batch import BatchChanges


class Debt(Protocol):
    """Changes that a debtor owes a store; see ``MemoryStateManager.owe``.

    Attributes
    ----------
    items
        What they are made of, in order.
    """

    items: list[Any]

    def changes(self) -> BatchChanges:
        """Return the changes that the items stand for, and have no items any more."""
