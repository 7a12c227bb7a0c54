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
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING

from pforge_lab.runs.buffers import owns_buffers
from pforge_lab.runs.objects import data, shallow
from pforge_lab.runs.records import VariableSize
from pforge_lab.runs.sharing import Sharing
from pforge_lab.runs.walk import Clock, Walk

_WALKING = 0.75  # of the budget; the rest goes into who shares what
_SMALL = 100_000  # bytes
_FEW = 10
_LEAST = 1e-5  # seconds for one variable; when less is left, it is not looked into
_WORTHWHILE = 2e-4  # seconds that another look takes at least
_MORE = 4  # times as long as before, in time that is left: then what was hurried is looked at again

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pforge_lab.runs.records import StepRecord


@dataclass(frozen=True, slots=True)
class Account:
    """What variables hold, by variable and by the set of variables that keep it alive.

    Attributes
    ----------
    sizes
        Of each variable.
    held
        Bytes by the names of the variables that keep them alive, in their order: dropping a set of
        variables frees what has no other owner.

    Examples
    --------
    >>> import numpy as np
    >>> whole = np.zeros(125_000)
    >>> account = examine({"whole": whole, "part": whole[:10]})
    >>> account.freed({"whole"}) < 1000 < 1_000_000 <= account.freed({"whole", "part"})
    True
    """

    sizes: dict[str, VariableSize]
    held: dict[tuple[str, ...], int]

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
            {owners: size for owners, size in self.held.items() if not names.issuperset(owners)}
            | {owners: size for owners, size in record.owners().items() if names.issuperset(owners)},
        )

    def shared(self) -> list[tuple[tuple[str, ...], int]]:
        """Return what several variables keep alive, as records keep it: a little is kept with all that share a little.

        What those have in common is thereby said to be freed when all of them are dropped, never too early.
        """
        several = [(owners, size) for owners, size in self.held.items() if len(owners) > 1]
        small = [(owners, size) for owners, size in several if size < _SMALL]
        if len(small) < _FEW:
            return several
        names = dict.fromkeys(name for owners, _ in small for name in owners)
        return [
            *(pair for pair in several if pair[1] >= _SMALL),
            (tuple(names), sum(size for _, size in small)),
        ]


def account(variables: Mapping[str, object], *, budget: float | None = None) -> dict[str, VariableSize]:
    """Return the bytes of each variable, in their order.

    Parameters
    ----------
    variables
        The variables by name. What two of them share counts in the ``bytes`` of the first.
    budget
        Seconds to spend, or None for no limit. Arrays and frames come first; what could not be
        visited in time counts at the size of a few samples, and the variable is marked approximate
        and hurried. Without a limit a container of a million elements takes about 20 ms, a frame a
        fraction of a millisecond.

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
        self._pages: dict[str, _Page] = {}
        self._sharing = Sharing()

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
        started = perf_counter()
        end = inf if budget is None else started + _WALKING * budget
        for name in self._pages.keys() - variables.keys():
            del self._pages[name]
            self._sharing.remove(name)
        anew = [
            name
            for name, value in variables.items()
            if (changed is None or name in changed)
            or (page := self._pages.get(name)) is None
            or page.identity != id(value)
            or (exact and page.approx)
        ]
        with _collector_paused():
            for done, name in enumerate(sorted(anew, key=lambda name: _effort(variables[name]))):
                left = end - perf_counter()
                if left < _LEAST and done >= _FEW:
                    self._skim(name, variables[name])
                else:
                    self._look(name, variables[name], max(left / (len(anew) - done), _LEAST), exact=exact)
            for name, page in list(self._pages.items()):
                if page.hurried and (left := end - perf_counter()) > max(_WORTHWHILE, _MORE * page.seconds):
                    self._look(name, variables[name], left, exact=exact)
        return self._account(list(variables))

    def _look(self, name: str, value: object, seconds: float, *, exact: bool) -> None:
        """Walk over one variable and note what it holds."""
        walk = Walk(Clock.of(seconds), exact=exact)
        walk.visit([value])
        found = walk.holding
        self._pages[name] = _Page(id(value), found.approx, found.hurried, seconds)
        self._sharing.put(name, found.found, found.total)

    def _skim(self, name: str, value: object) -> None:
        """Note what a variable says of itself, when there is no time to look into it."""
        size = max(shallow(value), data(value))
        self._pages[name] = _Page(id(value), approx=True, hurried=True, seconds=_LEAST)
        self._sharing.put(name, {id(value): size}, size)

    def _account(self, names: list[str]) -> Account:
        held = self._sharing.held(names)
        own, reach = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        for owners, size in held.items():
            own[owners[0]] += size
            for name in owners:
                reach[name] += size
        pages = self._pages
        return Account(
            {
                name: VariableSize(own[name], reach[name], pages[name].approx, pages[name].hurried)
                for name in names
            },
            held,
        )


@dataclass(frozen=True, slots=True)
class _Page:
    """What was noted of a variable: which object it was, and how well it was looked at, in how many seconds."""

    identity: int
    approx: bool
    hurried: bool
    seconds: float


def _effort(value: object) -> tuple[bool, int]:
    """Return what sorts arrays and frames first, which take microseconds, and large containers last."""
    if owns_buffers(type(value)):
        return False, 0
    return True, len(value) if isinstance(value, (list, tuple, dict, set, frozenset)) else 0


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
