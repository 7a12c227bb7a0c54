"""Facts of an object's class, learnt without running any code of that class."""

from __future__ import annotations

from contextlib import suppress
from types import MemberDescriptorType
from typing import Any

from pforge_lab.values.format import shorten


def type_names(value: object) -> list[str]:
    """Return the full names of the value's class and its bases, most specific first."""
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in type(value).__mro__]


def class_name(value: object) -> str:
    """Return the bounded name of a value's class, whatever its metaclass makes of names."""
    try:
        return shorten(type(value).__name__, 40)
    except Exception:  # noqa: BLE001 - the metaclass is the user's and may raise anything
        return "object"


def attributes(value: object) -> dict[str, Any]:
    """Return what an object holds in its slots and its ``__dict__``, read past its own ``__getattribute__``.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> attributes(SimpleNamespace(alpha=0.1))
    {'alpha': 0.1}
    """
    found = _slots(value)
    with suppress(AttributeError):  # a class with slots only, or one of C
        found |= object.__getattribute__(value, "__dict__")
    return found


def _slots(value: object) -> dict[str, Any]:
    """Return what the slots of an object hold; reading a slot runs no code of the class."""
    found = {}
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member = vars(kind).get(name)
            if type(member) is MemberDescriptorType:
                with suppress(AttributeError):  # the slot is empty
                    found[name] = member.__get__(value)
    return found
