"""The one truth table of conditions and templates."""

from __future__ import annotations

from numbers import Number
from typing import Any, cast

from jinja2 import Undefined


def truth(value: object) -> bool:
    """Return whether `value` counts as true in `! not and or if` and as a condition.

    ``None``, ``False``, ``0`` and ``""`` are false, an undefined name is; everything else is
    true, empty containers and DataFrames included.

    Examples
    --------
    >>> [truth(value) for value in (None, False, 0, 0.0, "")]
    [False, False, False, False, False]
    >>> [truth(value) for value in (True, 1, "no", [], {}, float("nan"))]
    [True, True, True, True, True, True]
    """
    if isinstance(value, bool):
        return value
    if value is None or isinstance(value, Undefined):
        return False
    if isinstance(value, str):
        return value != ""
    if isinstance(value, Number):
        return bool(cast("Any", value) != 0)
    if _is_numpy_boolean(value):
        return bool(value)
    return True


def _is_numpy_boolean(value: object) -> bool:
    dtype = getattr(value, "dtype", None)
    return dtype is not None and getattr(dtype, "kind", "") == "b" and getattr(value, "shape", None) == ()
