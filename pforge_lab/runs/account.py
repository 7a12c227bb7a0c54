"""What variables hold, by variable and by who shares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pforge_lab.quick import quickly_made

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.runs.records import StepRecord, VariableSize

_SMALL = 100_000  # bytes
_FEW = 10


@quickly_made
@dataclass(frozen=True, slots=True)
class Account:
    """What variables hold, by variable and by the set of variables that keep it alive.

    Attributes
    ----------
    sizes
        Of each variable.
    together
        What several variables keep alive: bytes by their names, in the order of the variables.

    Examples
    --------
    >>> import numpy as np
    >>> from pforge_lab.runs.ledger import Ledger
    >>> whole = np.zeros(125_000)
    >>> account = Ledger().examine({"whole": whole, "part": whole[:10]})
    >>> account.freed({"whole"}) < 1000 < 1_000_000 <= account.freed({"whole", "part"})
    True
    """

    sizes: dict[str, VariableSize]
    together: dict[tuple[str, ...], int]

    @property
    def held(self) -> dict[tuple[str, ...], int]:
        """Bytes by the names of the variables that keep them alive: dropping a set of variables frees what has no other owner."""
        alone = {name: size.reach for name, size in self.sizes.items()}
        for owners, size in self.together.items():
            for name in owners:
                alone[name] -= size
        return {(name,): size for name, size in alone.items() if size} | self.together

    def freed(self, dropped: Collection[str]) -> int:
        """Return the bytes that would have no owner left without these variables."""
        names = frozenset(dropped)
        return sum(size for owners, size in self.held.items() if names.issuperset(owners))

    def remembering(self, record: StepRecord, changed: Collection[str]) -> Account:
        """Return the account with what an earlier record knows better: sizes there was no time for, of what is the same."""
        names = {
            name
            for name, size in self.sizes.items()
            if size.hurried
            and name not in changed
            and (known := record.sizes.get(name))
            and not known.hurried
        }
        if not names:
            return self
        return Account(
            {name: record.sizes[name] if name in names else size for name, size in self.sizes.items()},
            {owners: size for owners, size in self.together.items() if not names.issuperset(owners)}
            | {owners: size for owners, size in record.shared if names.issuperset(owners)},
        )

    def shared(self) -> tuple[tuple[tuple[str, ...], int], ...]:
        """Return what several variables keep alive, as records keep it: a little is kept with all that share a little.

        What those have in common is thereby said to be freed when all of them are dropped, never too early.
        """
        several = tuple(self.together.items())
        small = [(owners, size) for owners, size in several if size < _SMALL]
        if len(small) < _FEW:
            return several
        names = dict.fromkeys(name for owners, _ in small for name in owners)
        return (
            *(pair for pair in several if pair[1] >= _SMALL),
            (tuple(names), sum(size for _, size in small)),
        )
