"""Whether a value can be what a function's annotation asks for: refused is only what surely is not."""

from __future__ import annotations

import types
import typing
from collections import abc
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, Final, NewType, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter

from .param_types import an

if typing.TYPE_CHECKING:
    from collections.abc import Callable

_TEXTS: Final = (str, bytes, bytearray, memoryview)
_PLAIN: Final = frozenset(
    (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
)
_ITERABLES: Final = (abc.Iterable, abc.Collection, abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet)


@dataclass(frozen=True, slots=True)
class Kind:
    """The values that an annotation takes.

    Attributes
    ----------
    name
        What they are, with an article.
    exact
        Types whose values are taken without a further look.
    accepts
        Whether any other value is taken.
    """

    name: str
    exact: frozenset[type]
    accepts: Callable[[Any], bool]


def kind_of(annotation: object) -> Kind | None:
    """Return what values an annotation takes, or None where that cannot be said for sure.

    Elements are not looked at. What stands for such a value is taken for one: an integer and a numpy
    scalar for a float, any collection for a list, any mapping for a dict. Nothing is converted: a text
    is no number.

    Examples
    --------
    >>> whole = kind_of(int | None)
    >>> whole.name, whole.accepts(3.0), whole.accepts(None), whole.accepts("3")
    ('an integer or null', True, True, False)
    >>> kind_of(typing.TypeVar("T")) is None
    True
    """
    annotation = _bare(annotation)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _any_of([kind_of(part) for part in get_args(annotation)])
    try:
        known = _KINDS.get(origin or annotation)
    except TypeError:  # what cannot be hashed is no annotation that we know
        return None
    if known is not None or origin is not None or not isinstance(annotation, type):
        return known
    return _instances(annotation)


def or_null(kind: Kind) -> Kind:
    """Return a kind that takes None too.

    Examples
    --------
    >>> or_null(kind_of(str)).accepts(None)
    True
    """
    return Kind(kind.name, kind.exact | {type(None)}, lambda value: value is None or kind.accepts(value))


def _bare(annotation: Any) -> Any:
    """Return an annotation without what is wrapped around it."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def _any_of(kinds: list[Kind | None]) -> Kind | None:
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    return Kind(
        " or ".join(dict.fromkeys(kind.name for kind in known)),
        frozenset().union(*(kind.exact for kind in known)),
        lambda value: any(kind.accepts(value) for kind in known),
    )


def _instances(kind: type) -> Kind | None:
    """Return the instances of a class, where plain data is surely none.

    Where pydantic would make an instance of plain data (a path, a date, an enum, a model), a function
    may do so itself; a protocol has no instances, and a number is a number.
    """
    if getattr(kind, "_is_protocol", False) or (kind.__module__ == "numpy" and kind.__name__ != "ndarray"):
        return None
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True))
        certain = adapter.core_schema["type"] == "is-instance" and not isinstance(object(), kind)
    except Exception:  # noqa: BLE001 -- a class that says how it is validated, or has no instances that can be told
        return None
    if not certain:
        return None
    return Kind(
        an(kind.__name__),
        frozenset(),
        lambda value: type(value) not in _PLAIN or isinstance(value, kind),
    )


def _is_integer(value: Any) -> bool:
    if isinstance(value, Integral):
        return True
    return not isinstance(value, _TEXTS) and (hasattr(value, "__index__") or _is_whole(value))


def _is_whole(value: Any) -> bool:
    try:
        return bool(value == int(value))
    except Exception:  # noqa: BLE001 -- whatever a class raises that is no number
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) or (hasattr(value, "__float__") and not isinstance(value, _TEXTS))


def _is_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    try:
        return not isinstance(value, _TEXTS) and (
            type(value).__name__ in {"bool", "bool_"} or value in (0, 1)
        )
    except Exception:  # noqa: BLE001 -- an array, which is equal to nothing as a whole
        return hasattr(value, "__array__")


def _is_mapping(value: Any) -> bool:
    return isinstance(value, abc.Mapping) or (hasattr(value, "keys") and hasattr(value, "__getitem__"))


def _is_iterable(value: Any) -> bool:
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


def _is_collection(value: Any) -> bool:
    return _is_iterable(value) and not isinstance(value, (str, bytes, bytearray, dict))


def _collection(kind: type) -> Kind:
    return Kind("an array", frozenset((kind,)), _is_collection)


_MAPPING: Final = Kind("an object", frozenset((dict,)), _is_mapping)
_ITERABLE: Final = Kind("an array", frozenset((list, tuple, dict, str)), _is_iterable)
_KINDS: Final[dict[object, Kind]] = {
    None: Kind("null", frozenset((type(None),)), lambda value: value is None),
    type(None): Kind("null", frozenset((type(None),)), lambda value: value is None),
    str: Kind("a string", frozenset((str,)), lambda value: isinstance(value, str)),
    bytes: Kind("bytes", frozenset((bytes,)), lambda value: isinstance(value, _TEXTS[1:])),
    bool: Kind("a boolean", frozenset((bool,)), _is_boolean),
    int: Kind("an integer", frozenset((int, bool)), _is_integer),
    float: Kind("a number", frozenset((float, int)), _is_number),
    **{kind: _collection(kind) for kind in (list, tuple, set, frozenset)},
    **dict.fromkeys(_ITERABLES, _ITERABLE),
    **dict.fromkeys((dict, abc.Mapping, abc.MutableMapping), _MAPPING),
    abc.Callable: Kind("a function", frozenset((types.FunctionType,)), callable),
}
