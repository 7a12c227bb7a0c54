"""The bytes of one object, and what it refers to."""

from __future__ import annotations

import gc
import sys
import types
from typing import Any

ALIGNMENT = 15
GC_HEADER = 16


def data(item: object) -> int:
    """Return the bytes of data in an array or a frame, as far as it tells: a view holds more.

    A frame tells how many elements it has; eight bytes are taken for each.
    """
    size = getattr(item, "nbytes", None)
    if isinstance(size, int):
        return size
    count = getattr(item, "size", 0) if hasattr(item, "columns") else 0
    return 8 * count if isinstance(count, int) else 0


def shallow(item: object) -> int:
    """Return the bytes of the object alone, as allocators round them.

    A ``__sizeof__`` written in Python is not asked: it may raise, and that of pandas walks over
    all elements.
    """
    kind = type(item)
    size = kind.__basicsize__ + GC_HEADER
    if not isinstance(kind.__sizeof__, types.FunctionType):
        size = sys.getsizeof(item, size)
    return (size + ALIGNMENT) & ~ALIGNMENT


def references(item: Any) -> list[Any]:
    """Return what an object keeps alive; of a function, what it closes over rather than its module."""
    if issubclass(type(item), types.FunctionType):  # isinstance would ask a proxy for its __class__
        return [item.__closure__, item.__defaults__, item.__kwdefaults__]
    return gc.get_referents(item)


def instance(item: object, references: list[Any]) -> int:
    """Return the bytes of an instance, with its attribute values, which ``sys.getsizeof`` does not count.

    From 3.11 on an instance has no dictionary until it is asked for, which must not happen here
    (it would cost 24 % more memory). The values are apart from it, from 3.13 on behind it.
    """
    kind = type(item)
    size = shallow(item)
    if kind.__dictoffset__ and not any(type(found) is dict for found in references):
        slots = len(references)  # the attributes, and one to spare: the type is among the references
        size += (_pointers(slots + 2) + 8 * slots + ALIGNMENT) & ~ALIGNMENT
    return size


def _pointers(size: int) -> int:
    return (size + 7) & ~7
