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

from pforge_lab.quick import quickly_made
from pforge_lab.runs.account import Account
from pforge_lab.runs.atoms import atom
from pforge_lab.runs.buffers import owns_buffers
from pforge_lab.runs.clock import Clock
from pforge_lab.runs.objects import data, shallow
from pforge_lab.runs.records import VariableSize
from pforge_lab.runs.sharing import Sharing
from pforge_lab.runs.walk import Walk

_WALKING = 0.75  # of the budget; the rest goes into who shares what
_FEW = 10
_LEAST = 1e-5  # seconds for one variable; when less is left, it is not looked into
_WORTHWHILE = 2e-4  # seconds that another look takes at least
_MORE = 4  # times as long as before, in time that is left: then what was hurried is looked at again

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


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
        self._hurried: set[str] = set()
        self._sharing = Sharing()
        self._noted: set[str] = set()  # since the last account
        self._last = Account({}, {})

    @property
    def hurried(self) -> bool:
        """Whether there was no time for a variable."""
        return bool(self._hurried)

    def examine(
        self,
        variables: Mapping[str, object],
        *,
        changed: Collection[str] | None = None,
        among: Collection[str] | None = None,
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
        among
            Names of the variables that may be other objects than at the last account, are new or are
            gone; all, if None.
        exact
            Visit every element of large containers instead of a sample: 2 to 3 s for a million
            dicts, and a third of their own memory while it lasts.
        """
        started = perf_counter()
        end = inf if budget is None else started + _WALKING * budget
        for name in self._pages.keys() - variables.keys():
            del self._pages[name]
            self._hurried.discard(name)
            self._sharing.remove(name)
        if among is None or exact:
            doubtful = list(variables)
        else:
            doubtful = sorted({*among, *variables.keys() - self._pages.keys()})
        anew = [
            name
            for name in doubtful
            if name in variables
            and (
                changed is None
                or name in changed
                or (page := self._pages.get(name)) is None
                or page.identity != id(variables[name])
                or (exact and page.approx)
            )
        ]
        larger = [name for name in anew if not self._count(name, variables[name])]
        if larger or self._hurried:
            self._walk(variables, larger, end, exact=exact)
        self._last = self._account(variables)
        self._noted.clear()
        return self._last

    def counted(self, variables: Mapping[str, object], among: Collection[str]) -> Account | None:
        """Return what `examine` does where nothing but numbers and texts is new and no memory is shared, else None.

        As after most steps: this is the general way without what such a step does not need.

        Parameters
        ----------
        variables, among
            As there.

        Examples
        --------
        >>> ledger = Ledger()
        >>> ledger.counted({"n": 1.5}, ["n"]).sizes, ledger.counted({"n": 1.5, "list": []}, ["list"])
        ({'n': VariableSize(bytes=32, reach=32, approx=False, hurried=False)}, None)
        """
        last, put = self._last, self._sharing.put_one
        if self._hurried or last.together:
            return None
        sizes = last.sizes.copy()
        for name in among:
            if name not in variables:
                if self._pages.pop(name, None) is not None:
                    self._sharing.remove(name)
                sizes.pop(name, None)
                continue
            found = atom(variables[name])
            if found is None:
                return None
            identity, size = found
            self._pages[name] = _Page(identity, approx=False, hurried=False, seconds=_LEAST)
            self._noted.add(name)
            put(name, identity, size)
            sizes[name] = VariableSize(size, size)
        if self._sharing.is_shared or len(sizes) != len(variables):
            return None
        self._noted.clear()
        self._last = Account(_ordered(sizes, variables), {})
        return self._last

    def _count(self, name: str, value: object) -> bool:
        """Note what a number or a text holds; return whether it is one."""
        found = atom(value)
        if found is None:
            return False
        identity, size = found
        page = _Page(identity, approx=False, hurried=False, seconds=_LEAST)
        self._note(name, page, {identity: size} if size else {}, size)
        return True

    def _walk(self, variables: Mapping[str, object], names: list[str], end: float, *, exact: bool) -> None:
        """Look into variables, and again into those that there was no time for, as far as there is now."""
        with _collector_paused():
            for done, name in enumerate(sorted(names, key=lambda name: _effort(variables[name]))):
                left = end - perf_counter()
                if left < _LEAST and done >= _FEW:
                    self._skim(name, variables[name])
                else:
                    self._look(name, variables[name], max(left / (len(names) - done), _LEAST), exact=exact)
            for name in sorted(self._hurried):
                seconds = self._pages[name].seconds
                if (left := end - perf_counter()) > max(_WORTHWHILE, _MORE * seconds):
                    self._look(name, variables[name], left, exact=exact)

    def _look(self, name: str, value: object, seconds: float, *, exact: bool) -> None:
        """Walk over one variable and note what it holds."""
        walk = Walk(Clock.of(seconds), exact=exact)
        walk.visit([value])
        found = walk.holding
        page = _Page(id(value), found.approx, found.hurried, seconds)
        self._note(name, page, found.found, found.total)

    def _skim(self, name: str, value: object) -> None:
        """Note what a variable says of itself, when there is no time to look into it."""
        size = max(shallow(value), data(value))
        self._note(name, _Page(id(value), approx=True, hurried=True, seconds=_LEAST), {id(value): size}, size)

    def _note(self, name: str, page: _Page, found: dict[int, float], total: float) -> None:
        self._pages[name] = page
        self._noted.add(name)
        self._sharing.put(name, found, total)
        if page.hurried:
            self._hurried.add(name)
        else:
            self._hurried.discard(name)

    def _account(self, variables: Mapping[str, object]) -> Account:
        """Return the account; only variables that are new, or share memory or did, have other sizes than in the last."""
        together = self._sharing.together(variables)
        if not (together or self._last.together):
            return self._apart(variables)
        sharing = {name for owners in (*together, *self._last.together) for name in owners}
        sizes = self._last.sizes.copy()
        for name in sizes.keys() - variables.keys():
            del sizes[name]
        own = {name: self._sharing.alone(name) for name in (self._noted | sharing) & variables.keys()}
        reach = own.copy()
        for owners, size in together.items():
            own[owners[0]] += size
            for name in owners:
                reach[name] += size
        for name, size in own.items():
            page = self._pages[name]
            sizes[name] = VariableSize(size, reach[name], page.approx, page.hurried)
        return Account(_ordered(sizes, variables), together)

    def _apart(self, variables: Mapping[str, object]) -> Account:
        """Return the account of variables that share nothing, and shared nothing before."""
        sizes = self._last.sizes.copy()
        for name in sizes.keys() - variables.keys():
            del sizes[name]
        for name in self._noted:
            if name in variables:
                size, page = self._sharing.alone(name), self._pages[name]
                sizes[name] = VariableSize(size, size, page.approx, page.hurried)
        return Account(_ordered(sizes, variables), {})


def _ordered(sizes: dict[str, VariableSize], variables: Mapping[str, object]) -> dict[str, VariableSize]:
    return sizes if list(sizes) == list(variables) else {name: sizes[name] for name in variables}


@quickly_made
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
