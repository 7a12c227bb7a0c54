"""What is found by its name in no other process: how it is rebuilt there, or that it cannot be."""

from __future__ import annotations

import functools
import operator
import pickle
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Container

_HERE = "__main__"  # another process has another one
_CACHED = type(functools.cache(id))
_OF_WRAPPERS = frozenset((*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "cache_parameters"))


def rebuilt(obj: Any, kind: type, reducers: Container[type]) -> Any:
    """Return how an object is rebuilt that pickle would look for by its name, where no other process finds it.

    Anything else is left to pickle.

    Parameters
    ----------
    obj
        Neither a function nor a class.
    kind
        Its type.
    reducers
        Types that the pickler has a reducer of its own for.

    Raises
    ------
    PicklingError
        It is found by its name only here, and nothing tells how it was made.

    Examples
    --------
    >>> UserId = typing.NewType("UserId", int)
    >>> UserId.__module__ = "__main__"
    >>> rebuilt(UserId, typing.NewType, ())[1][1]
    ('UserId', <class 'int'>)
    """
    if kind is functools.cached_property:  # of a class that goes by value; before Python 3.12 it has a lock
        return _made, (kind, (obj.func,), {}, {"attrname": obj.attrname})
    rule = _RULES.get(kind)
    if rule is not None:
        return NotImplemented if _is_importable(obj) else rule(obj)
    if getattr(obj, "__module__", None) != _HERE or _is_plain(kind) or kind in reducers:
        return NotImplemented
    reduced = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    if isinstance(reduced, str):
        raise pickle.PicklingError(
            f"cannot pickle {kind.__name__} {reduced!r}: only this process finds it by name"
        )
    return reduced


def typed_dict(kind: Any) -> Any:
    """Return how a TypedDict is rebuilt: its bases are none that a class can be made of.

    Examples
    --------
    >>> Point = typing.TypedDict("Point", {"x": int})
    >>> make, args = typed_dict(Point)
    >>> make(*args).__annotations__
    {'x': <class 'int'>}
    """
    about = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__", "__total__")}
    keys = sorted(kind.__required_keys__), sorted(kind.__optional_keys__)  # sets have another order elsewhere
    return _typed_dict, (
        kind.__name__,
        getattr(kind, "__parameters__", ()),
        kind.__annotations__,
        keys,
        about,
    )


def _is_importable(obj: Any) -> bool:
    """Return whether another process finds an object by its name."""
    if obj.__module__ == _HERE:
        return False
    name = getattr(obj, "__qualname__", obj.__name__)
    try:
        return operator.attrgetter(name)(sys.modules[obj.__module__]) is obj
    except (AttributeError, KeyError):
        return False


def _is_plain(kind: Any) -> bool:
    """Return whether objects of a class are pickled by their attributes."""
    return kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__


def _of_cached(obj: Any) -> Any:
    """Return how a function with a cache is rebuilt: with an empty one."""
    given = {name: value for name, value in vars(obj).items() if name not in _OF_WRAPPERS}
    return _cached, (obj.__wrapped__, obj.cache_parameters(), given)


def _cached(function: Callable[..., Any], parameters: dict[str, Any], given: dict[str, Any]) -> Any:
    return _with(functools.lru_cache(**parameters)(function), given)


def _of_new_type(obj: Any) -> Any:
    about = {"__qualname__": obj.__qualname__, "__module__": obj.__module__}
    return _made, (typing.NewType, (obj.__name__, obj.__supertype__), {}, about)


def _of_parameters(obj: Any) -> Any:
    given = {name: getattr(obj, f"__{name}__") for name in ("bound", "covariant", "contravariant")}
    return _made, (typing.ParamSpec, (obj.__name__,), given, {"__module__": obj.__module__})


def _of_type_variables(obj: Any) -> Any:
    return _made, (typing.TypeVarTuple, (obj.__name__,), {}, {"__module__": obj.__module__})


def _made(
    make: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any], about: dict[str, Any]
) -> Any:
    return _with(make(*args, **given), about)


def _typed_dict(
    name: str, parameters: Any, annotations: dict[str, Any], keys: Any, about: dict[str, Any]
) -> Any:
    generic: Any = typing.Generic
    bases = (typing.TypedDict, *([generic[parameters]] if parameters else ()))
    made = types.new_class(name, bases, exec_body=lambda body: body.update(__annotations__=annotations))
    required, optional = map(frozenset, keys)
    return _with(made, about | {"__required_keys__": required, "__optional_keys__": optional})


def _with(made: Any, about: dict[str, Any]) -> Any:
    for name, value in about.items():
        setattr(made, name, value)
    return made


_RULES: dict[type, Callable[[Any], Any]] = {
    _CACHED: _of_cached,
    typing.NewType: _of_new_type,
    typing.ParamSpec: _of_parameters,
    typing.TypeVarTuple: _of_type_variables,
}
