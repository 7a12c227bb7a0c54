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
from pforge_lab.runs.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


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


def examine(variables: Mapping[str, object], *, budget: float | None = None) -> Account:
    """Return sizes and owners of what the variables hold; see ``account`` for the parameters."""
    deadline = None if budget is None else perf_counter() + budget
    owners: dict[int, int] = {}
    held: dict[int, int] = {}
    approx = []
    with _collector_paused():
        for place, value in enumerate(variables.values()):
            walk = Walk(1 << place, [owners], deadline)
            walk.visit([value])
            approx.append(walk.approx)
            for mask, size in walk.gained.items():
                moved = min(size, held.get(mask, 0)) if mask else 0
                held[mask] = held.get(mask, 0) - moved
                held[mask | walk.bit] = held.get(mask | walk.bit, 0) + size
    held = {mask: size for mask, size in held.items() if mask and size}
    return _account(list(variables), held, approx)


def _account(names: list[str], held: dict[int, int], approx: list[bool]) -> Account:
    sizes = {}
    for place, name in enumerate(names):
        bit = 1 << place
        first = sum(size for mask, size in held.items() if mask & -mask == bit)
        reach = sum(size for mask, size in held.items() if mask & bit)
        sizes[name] = VariableSize(first, reach, approx[place])
    by_names = {
        frozenset(name for place, name in enumerate(names) if mask >> place & 1): size
        for mask, size in held.items()
    }
    return Account(sizes, by_names)


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
