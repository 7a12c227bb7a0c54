"""Scopes of the meter: nested, overlapping, in threads, across fork.

Resetting the mark is process-global, so before every reset the mark is folded into all open scopes.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING

from pforge_lab.errors import UsageError
from pforge_lab.meter.allocators import allocators, arrow_bytes
from pforge_lab.meter.gauge import choose
from pforge_lab.meter.reading import Reading

if TYPE_CHECKING:
    from pforge_lab.meter.gauge import Gauge

_WORTH = 100  # times that a scope lasts longer than it takes to ask the heap for its total
_DEAR = 1e-4  # seconds that asking is taken to cost before it was tried

_current: ContextVar[Scope | None] = ContextVar("pforge_lab_meter_scope", default=None)


class Scope:
    """What ``enter`` hands out and ``exit`` takes back.

    Attributes
    ----------
    started
        When, by ``time.perf_counter``, in seconds.
    before, peak
        Resident memory at its beginning, and the highest so far, in bytes.
    parent
        The scope that contains it, or None.
    certain
        Whether the peak is known to have been reached within the scope.

    Examples
    --------
    >>> from pforge_lab.meter import enter, exit
    >>> scope = enter()
    >>> scope.peak >= scope.before, scope.inside(scope)
    (True, True)
    >>> reading = exit(scope)
    """

    shared = lost = closed = False

    def __init__(self, before: int, parent: Scope | None, certain: bool) -> None:
        self.started = perf_counter()
        self.before = self.peak = before
        self.parent = parent
        self.certain = certain

    def inside(self, other: Scope) -> bool:
        """Return whether ``other`` is this scope or one that contains it."""
        scope: Scope | None = self
        while scope is not None and scope is not other:
            scope = scope.parent
        return scope is other


class Meter:
    """Measures the peak of resident memory between ``enter`` and ``exit``.

    There is one for the process, behind the functions ``enter`` and ``exit``: the kernel's mark
    is the process's, so a second meter on the same gauge would take peaks away from the first.

    Parameters
    ----------
    gauge
        How to measure; by default the best way that works here, tested at the first use.

    Examples
    --------
    >>> meter = Meter()
    >>> reading = meter.exit(meter.enter())
    >>> reading.peak >= reading.before > 0  # bytes
    True
    """

    def __init__(self, gauge: Gauge | None = None) -> None:
        self._gauge = gauge
        self._lock = threading.RLock()
        self._open: list[Scope] = []
        self._lifetime = 0 if gauge is None else gauge.lifetime()
        self._asking = _DEAR

    def enter(self, within: Scope | None = None) -> Scope:
        """Open a scope; pass it to ``exit``. Takes a few microseconds.

        Parameters
        ----------
        within
            The scope that contains this one. By default the one that is open in this context
            (thread or asyncio task); a worker thread names the scope it works for.

        Examples
        --------
        >>> from pforge_lab.meter import enter, exit
        >>> reading = exit(enter())
        >>> reading.after > 0
        True
        """
        parent = within or _current.get()
        with self._lock:
            gauge = self._gauge or self._choose()
            try:
                peak, before, certain = gauge.look()
                if self._open or peak > self._lifetime:
                    self._fold(peak, certain=certain)
                gauge.reset()
            except OSError:
                gauge = self._replace()
                before = self._look(gauge)
            scope = Scope(before, parent, gauge.exact)
            for other in self._open:
                if parent is None or not parent.inside(other):
                    scope.shared = other.shared = True
            self._open.append(scope)
        _current.set(scope)
        return scope

    def exit(self, scope: Scope) -> Reading:
        """Close ``scope`` and say what happened in it, in bytes.

        Raises
        ------
        UsageError
            When the scope has been closed before.

        Examples
        --------
        >>> from pforge_lab.meter import enter, exit
        >>> scope = enter()
        >>> exit(scope).peak >= scope.before
        True
        """
        with self._lock:
            if scope.closed:
                raise UsageError("this memory scope is closed already: call exit once for each enter")
            gauge = self._gauge or self._choose()
            try:
                after = self._look(gauge)
            except OSError:
                gauge = self._replace()
                after = self._look(gauge)
            scope.closed = True
            if self._open[-1] is scope:
                self._open.pop()
            else:
                self._remove(scope)
            if not self._open:
                gauge.rest()
            lifetime = self._lifetime
        elapsed = perf_counter() - scope.started
        if _current.get() is scope:
            _current.set(scope.parent)
        return Reading(
            scope.before,
            scope.peak,
            after,
            gauge.method,
            scope.certain and not scope.lost,
            scope.shared,
            lifetime,
            None if elapsed < _WORTH * self._asking else self._allocated(),
            arrow_bytes(),
        )

    def _allocated(self) -> int | None:
        """Return what the C library's heap holds, for a scope that took a hundred times as long as to ask.

        In a fragmented heap it takes milliseconds, because free pieces are counted one by one.
        """
        started = perf_counter()
        allocated = allocators().malloc_used
        self._asking = perf_counter() - started
        return allocated

    def lifetime_peak(self) -> int:
        """Return the highest resident memory of the process so far, in bytes, resets notwithstanding.

        Examples
        --------
        >>> from pforge_lab.meter import lifetime_peak
        >>> lifetime_peak() > 1_000_000
        True
        """
        with self._lock:
            gauge = self._gauge or self._choose()
            self._lifetime = max(self._lifetime, gauge.lifetime())
            return self._lifetime

    def _choose(self) -> Gauge:
        self._gauge = choose()
        self._lifetime = self._gauge.lifetime()
        return self._gauge

    def _look(self, gauge: Gauge) -> int:
        peak, resident, certain = gauge.look()
        self._fold(peak, certain=certain)
        return resident

    def _fold(self, peak: int, *, certain: bool) -> None:
        """Take a mark into account that is about to be reset, or was read at the end of a scope."""
        if peak > self._lifetime:  # noqa: PLR1730 - max() takes three times as long, at every step
            self._lifetime = peak
        for scope in self._open:
            if peak > scope.peak:  # noqa: PLR1730 - the same
                scope.peak = peak
            if certain:
                scope.certain = True

    def _remove(self, scope: Scope) -> None:
        """Take a scope away that is not the last one."""
        place = self._open.index(scope)
        for later in self._open[place + 1 :]:  # opened within this scope, or beside it, and outliving it
            scope.shared = later.shared = True
        del self._open[place]

    def _replace(self) -> Gauge:
        """Choose again after the gauge was refused, or its descriptors were closed by a step.

        The mark of the open scopes may be lost, so their peaks are no longer certain.
        """
        gauge = self._gauge = choose()
        gauge.reset()
        for scope in self._open:
            scope.lost = True
        return gauge

    def before_fork(self) -> None:
        """Keep the lock until the fork is over, so that the child finds whole data."""
        self._lock.acquire()
        if self._gauge is not None and self._open:
            try:
                self._look(self._gauge)
            except OSError:
                self._replace()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Measure the child, whose mark starts at what is resident now.

        Scopes of other threads do not exist here; those of the forking thread go on.
        """
        inherited = _current.get()
        self._open = [scope for scope in self._open if inherited is not None and inherited.inside(scope)]
        if self._gauge is not None:
            try:
                self._gauge.reopen()
            except OSError:
                self._replace()
        self._lock.release()
