"""What differs between two moments of a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd

from pforge_lab.errors import NotKept
from pforge_lab.runs.inside import Inside, brief, line
from pforge_lab.runs.variables import SECONDS
from pforge_lab.values.format import DETAIL, shorten

if TYPE_CHECKING:
    from pforge_lab.runs.variables import Moment

_LINE = 60  # characters of a value that is told before what changed in it
COLUMNS = ("variable", "change", "before", "after")


def difference(a: Moment, b: Moment, seconds: float | None = SECONDS) -> pd.DataFrame:
    """Return a row per variable that was added, removed or changed from ``a`` to ``b``.

    ``before`` and ``after`` are short descriptions. Behind a dash ``after`` tells what changed inside:
    of tables columns, types, rows, index, and how many cells and the first of them; of nested values
    the paths; of others what there is; and it says so where the snapshots differ and nothing shows it.
    Only variables whose snapshots differ are loaded.

    Parameters
    ----------
    a, b
        The moments.
    seconds
        To look inside values, for all of them together; loading them is not counted. ``after`` says
        where that was not enough: cells that are counted are then ``at least`` so many, and values
        that there was no time for are told and not loaded. None: for as long as it takes.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def numbers(n: int): return list(range(n))
    >>> run = pf.Pipeline.from_functions("count", numbers).start({"n": 3}, state="memory:")
    >>> record = run.step()
    >>> run.diff()
      variable change before        after
    0  numbers  added         [0, 1, 2]
    >>> record = run.set(numbers=[0, 1, 5])
    >>> print(run.diff().after[0])
    [0, 1, 5] — [2]: 2 -> 5
    """
    names = sorted(name for name in b.manifest.changed_since(a.manifest) if name)
    look = _Look(a, b, seconds)
    return pd.DataFrame([look.row(name) for name in names], columns=list(COLUMNS))


class _Look:
    """Makes the rows, for as long as there is time to look inside values."""

    def __init__(self, a: Moment, b: Moment, seconds: float | None) -> None:
        self._a, self._b = a, b
        self._seconds = self._left = seconds

    def row(self, name: str) -> list[str]:
        """Return variable, change, before and after."""
        if name not in self._a.variables:
            return [name, "added", "", _describe(self._b, name)]
        if name not in self._b.variables:
            return [name, "removed", _describe(self._a, name), ""]
        return [name, "changed", *self._changed(name)]

    def _changed(self, name: str) -> tuple[str, str]:
        if self._left is not None and self._left <= 0:
            return _told(self._a, name), f"{_told(self._b, name)}{DETAIL}not compared, {self._limit()}"
        try:
            before, after = self._a[name], self._b[name]
        except NotKept:
            return _describe(self._a, name), _describe(self._b, name)
        started, inside = time.monotonic(), Inside(self._left)
        found = inside.changed(before, after)
        if self._left is not None:
            self._left -= time.monotonic() - started
        limit = f"compared no further, {self._limit()}" if inside.stopped else ""
        detail = "; ".join(text for text in (found, limit) if text)
        old, new = brief(before), brief(after)
        if not detail:
            return old, new
        return shorten(old, _LINE), f"{shorten(new, _LINE)}{DETAIL}{detail}"

    def _limit(self) -> str:
        return f"after {self._seconds:g} s: diff(seconds=None) takes as long as it takes"


def _describe(moment: Moment, name: str) -> str:
    try:
        return brief(moment[name])
    except NotKept as error:
        return f"not kept ({error.reason})"


def _told(moment: Moment, name: str) -> str:
    """Return what the snapshot tells of a variable, which is not loaded for it."""
    return line(*moment.manifest.told[name])
