"""One short line that tells a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from pforge_lab.values.classes import class_name, type_names
from pforge_lab.values.describe import describe
from pforge_lab.values.format import count

_TIMES = "mM"  # numpy's times: `item` makes plain numbers of some


def brief(value: Any) -> str:
    """Return one short line that tells a value.

    Examples
    --------
    >>> brief([1, 2]), brief(np.zeros((2, 3))), brief(np.float64(2))
    ('[1, 2]', 'ndarray float64 2 x 3', '2.0')
    """
    if value is np.ma.masked:
        return "masked"
    if isinstance(value, np.generic):
        value = str(value) if value.dtype.kind in _TIMES else value.item()
    elif "pyarrow.lib.Scalar" in type_names(value):
        value = value.as_py()
    return line(*describe(value))


def line(kind: str, shape: str, preview: str) -> str:
    """Return type, shape and preview, as `describe` gives them, as one: tables and arrays are told by their shape.

    Examples
    --------
    >>> line("DataFrame", "3 x 2", "a, b"), line("list", "2 items", "[1, 2]")
    ('DataFrame 3 x 2', '[1, 2]')
    """
    if shape.replace(" x ", "").isdigit() or not preview:
        return f"{kind} {shape}".strip()
    return preview


def kinds(before: object, after: object) -> str:
    """Return how the class of a value changed, or nothing where its name is the same.

    Examples
    --------
    >>> kinds((1,), [1])
    'tuple -> list'
    """
    if type(before) is type(after) or type_names(before)[0] == type_names(after)[0]:
        return ""
    old, new = class_name(before), class_name(after)
    if old == new:
        old, new = (f"{type(value).__module__.partition('.')[0]}.{old}" for value in (before, after))
    return f"{old} -> {new}"


def growth(before: int, after: int, noun: str) -> str:
    """Return by how much a length changed, or nothing.

    Examples
    --------
    >>> growth(3, 2, "row"), growth(3, 2003, "row"), growth(3, 3, "row")
    ('-1 row', '+2,000 rows', '')
    """
    if before == after:
        return ""
    return f"{'+' if after > before else '-'}{count(abs(after - before), noun)}"
