"""Bytes per variable, shared memory counted once.

Buffers are resolved to their owning allocations (``buffers``); Python objects are walked by
identity (``walk``); large containers are sampled (``sampling``) and their sizes marked as
approximate. Every allocation knows which variables keep it alive, so that what a variable holds
by itself, what it shares, and what dropping it would free are sums over the same facts.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from pforge_lab.runs.records import VariableSize
from pforge_lab.runs.walk import Holding, Walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


_REMEMBERED = 5_000  # identities of one variable, 130 bytes each; larger ones are walked again


@dataclass(frozen=True, slots=True)
class Account:
    """What variables hold, by variable and by the set of variables that keep it alive.

    Attributes
    ----------
    sizes
        Of each variable.
    held
        Bytes by the names of the variables that keep them alive: dropping a set of variables
        frees what has no other owner.

    Examples
    --------
    >>> import numpy as np
    >>> whole = np.zeros(125_000)
    >>> account = examine({"whole": whole, "part": whole[:10]})
    >>> account.freed({"whole"}) < 1000 < 1_000_000 <= account.freed({"whole", "part"})
    True
    """

    sizes: dict[str, VariableSize]
    held: dict[frozenset[str], int]

    def freed(self, dropped: Collection[str]) -> int:
        """Return the bytes that would have no owner left without these variables."""
        names = frozenset(dropped)
        return sum(size for owners, size in self.held.items() if owners <= names)


def account(variables: Mapping[str, object], *, budget: float | None = None) -> dict[str, VariableSize]:
    """Return the bytes of each variable, in their order.

    Parameters
    ----------
    variables
        The variables by name. What two of them share counts in the ``bytes`` of the first.
    budget
        Seconds to spend, or None for no limit. What could not be visited in time counts at the
        size of a few samples and the variable is marked approximate; arrays, frames and tensors
        met by then are always counted in full. Without a limit a container of a million
        elements takes about 20 ms, a frame a fraction of a millisecond.

    Examples
    --------
    >>> import numpy as np
    >>> array = np.zeros(125_000)
    >>> sizes = account({"array": array, "view": array[::2]})
    >>> sizes["array"].bytes >= 1_000_000 > 1000 > sizes["view"].bytes
    True
    >>> sizes["view"].reach >= 1_000_000
    True
    """
    return examine(variables, budget=budget).sizes


def examine(variables: Mapping[str, object], *, budget: float | None = None, exact: bool = False) -> Account:
    """Return sizes and owners of what the variables hold; see ``Ledger.examine`` for the parameters."""
    return Ledger().examine(variables, budget=budget, exact=exact)


class Ledger:
    """Accounts that follow one another, as after the steps of a run.

    Variables that have not changed since the last account are not walked again, so that an account
    after a small step costs little however many variables there are. What is remembered of a
    variable are identities and sizes, never its objects.

    Examples
    --------
    >>> ledger = Ledger()
    >>> first = ledger.examine({"a": [1.5] * 1000, "b": "text"})
    >>> ledger.examine({"a": [1.5] * 1000, "b": "other text"}, changed={"b"}).sizes["b"].bytes
    64
    """

    def __init__(self) -> None:
        self._pages: dict[str, tuple[int, Holding]] = {}

    def examine(
        self,
        variables: Mapping[str, object],
        *,
        changed: Collection[str] | None = None,
        budget: float | None = None,
        exact: bool = False,
    ) -> Account:
        """Return sizes and owners of what the variables hold.

        Parameters
        ----------
        variables, budget
            As in ``account``.
        changed
            Names of the variables that may have changed since the last account; all, if None.
        exact
            Visit every element of large containers instead of a sample: 2 to 3 s for a million
            dicts, and a third of their own memory while it lasts.
        """
        deadline = None if budget is None else perf_counter() + budget
        pages = {}
        with _collector_paused():
            for name, value in variables.items():
                same = changed is not None and name not in changed
                holding = self._remembered(name, value, deadline) if same else None
                if holding is None or (exact and holding.approx):
                    walk = Walk(deadline, exact=exact)
                    walk.visit([value])
                    holding = walk.holding
                pages[name] = (id(value), holding)
        self._pages = {
            name: page
            for name, page in pages.items()
            if sum(len(found) for found, _ in page[1].parts()) <= _REMEMBERED
        }
        return _account({name: holding for name, (_, holding) in pages.items()})

    def _remembered(self, name: str, value: object, deadline: float | None) -> Holding | None:
        """Return what the last account found, unless it ran out of time and there is time now."""
        identity, holding = self._pages.get(name, (0, None))
        if holding is None or identity != id(value) or (holding.hurried and deadline is None):
            return None
        return holding


def _account(holdings: dict[str, Holding]) -> Account:
    names, listed = list(holdings), list(holdings.values())
    held = _held(listed)
    sizes = {
        name: VariableSize(
            sum(size for mask, size in held.items() if mask & -mask == 1 << place),
            sum(size for mask, size in held.items() if mask >> place & 1),
            holdings[name].approx,
        )
        for place, name in enumerate(names)
    }
    by_names = {
        frozenset(name for place, name in enumerate(names) if mask >> place & 1): size
        for mask, size in held.items()
    }
    return Account(sizes, by_names)


def _held(holdings: list[Holding]) -> dict[int, int]:
    """Return bytes by owners, as bits: what several holdings have found is counted at the first of them."""
    shared = _shared(holdings)
    held: dict[int, float] = {}
    for place, holding in enumerate(holdings):
        own, bit = holding.total, 1 << place
        for found, factor in holding.parts():
            for identity in found.keys() & shared.keys():
                mask, size = shared[identity], found[identity] * factor
                own -= size
                if mask & -mask == bit:
                    held[mask] = held.get(mask, 0) + size
        held[bit] = held.get(bit, 0) + own
    return {mask: round(size) for mask, size in held.items() if round(size)}


def _shared(holdings: list[Holding]) -> dict[int, int]:
    """Return the identities that are in several holdings, with the places of those as bits."""
    everything: set[int] = set()
    shared: set[int] = set()
    for holding in holdings:
        for found, _ in holding.parts():
            shared |= everything & found.keys()
            everything.update(found)
    masks = dict.fromkeys(shared, 0)
    for place, holding in enumerate(holdings):
        for found, _ in holding.parts():
            for identity in found.keys() & shared:
                masks[identity] |= 1 << place
    return masks


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from running over what is only being looked at."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
