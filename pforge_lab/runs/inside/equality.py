"""Whether two values are the same, where nothing needs to be looked into."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from pforge_lab.runs.inside.brief import brief

_FEW = frozenset({list, tuple, dict})
_MOST = 16  # items of a container that is looked through at first sight
_ATOMS = frozenset({int, str, bytes, bool, float, complex, type(None)})


def alike(before: Any, after: Any, depth: int = 3) -> bool:
    """Return whether two values are the same at first sight: one object, or plain and equal, or a few such.

    Examples
    --------
    >>> alike(1, 1), alike(1, True), alike({"a": [1]}, {"a": [1]}), alike({"a": [1]}, {"a": [1.0]})
    (True, False, True, False)
    """
    if before is after:
        return True
    kind = type(before)
    if kind is not type(after):
        return False
    if kind in _ATOMS:
        return bool(before == after)
    if kind not in _FEW or not depth or len(before) != len(after) or len(before) > _MOST:
        return False
    deeper = repeat(depth - 1)
    if kind is dict and not all(map(alike, before.values(), after.values(), deeper)):
        return False
    return all(map(alike, before, after, deeper))


def apart(before: Any, after: Any) -> bool:
    """Return whether equality tells two values apart, or cannot be asked, as with arrays inside."""
    try:
        return bool(before != after)
    except Exception:  # noqa: BLE001 - the class is the user's and may raise anything
        return True


def equal(before: Any, after: Any) -> bool:
    """Return whether two values of one kind are equal; NaN equals NaN.

    Two objects of a class without equality are, where their lines are: nothing else is known.
    """
    kind: Any = type(before)
    if kind.__eq__ is object.__eq__:  # would only say that they are two
        return brief(before) == brief(after)
    try:
        return bool(before == after or (before != before and after != after))  # noqa: PLR0124 - only NaN differs from itself
    except Exception:  # noqa: BLE001 - the class is the user's and may raise anything
        return brief(before) == brief(after)
