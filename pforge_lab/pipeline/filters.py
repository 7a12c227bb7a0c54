"""The filters that templates may use: Jinja's, less those that call, print or grow without bound."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined, Undefined
from jinja2.filters import FILTERS as DEFAULT_FILTERS

from .lookup import MISSING, MissingValue, lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_TEXT: Final = 10_000_000
"""Characters that a filter or an operator may make at most."""

_FROM_JINJA: Final = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "int",
    "last",
    "length",
    "list",
    "lower",
    "max",
    "min",
    "sort",
    "string",
    "title",
    "trim",
    "truncate",
    "upper",
]
_MAKING_LISTS: Final = ["map", "reject", "rejectattr", "reverse", "select", "selectattr", "unique"]


def limited(length: int) -> None:
    """Refuse texts that are larger than any template needs.

    Raises
    ------
    ValueError
        When `length` is over the limit.
    """
    if length > MAX_TEXT:
        raise ValueError(f"the result would have {length:,} characters, more than {MAX_TEXT:,}")


def replace(text: object, old: str, new: str) -> str:
    """Return `text` with each `old` replaced by `new`."""
    source = str(text)
    limited(len(source) + source.count(old) * (len(new) - len(old)))
    return source.replace(old, new)


def join(values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    """Return the values as text with `separator` between them."""
    parts = [str(_part(value, attribute)) for value in values]
    limited(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def total(values: Iterable[Any], attribute: str | None = None, start: float = 0) -> Any:
    """Return the sum of numbers, or of one field of each value."""
    result: Any = start + 0
    for value in values:
        result = result + _part(value, attribute)
    return result


def rounded(value: Any, precision: int = 0) -> Any:
    """Return a number rounded to `precision` decimal places."""
    if abs(precision) > 300:
        raise ValueError(f"cannot round to {precision} places")
    return round(value, precision)


def items(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Return the pairs of a mapping."""
    return list(mapping.items())


def keys(mapping: Mapping[Any, Any]) -> list[Any]:
    """Return the keys of a mapping."""
    return list(mapping.keys())


def values(mapping: Mapping[Any, Any]) -> list[Any]:
    """Return the values of a mapping."""
    return list(mapping.values())


def tojson(value: Any, indent: int | None = None) -> str:
    """Return the value as JSON: plain text, with nothing escaped for HTML."""
    text = json.dumps(defined(value), sort_keys=True, indent=indent)
    limited(len(text))
    return text


def defined(value: Any) -> Any:
    """Return the value.

    Raises
    ------
    MissingValue
        It is undefined, where that is an error.
    """
    if isinstance(value, StrictUndefined):
        str(value)  # raises what is missing
    return value


def _listed(making: Callable[..., Any]) -> Callable[..., Any]:
    """Return Jinja's filter with its result as a list: a generator could be read once only.

    What is undefined in it is the error that it is elsewhere.
    """

    @wraps(making)
    def listed(*args: Any, **options: Any) -> Any:
        made = making(*args, **options)
        if isinstance(made, str):
            return made
        if "default" in options:  # a default of null is one, which Jinja takes for none
            return [None if isinstance(value, Undefined) else value for value in made]
        return [defined(value) for value in made]

    return listed


def _part(value: Any, attribute: str | None) -> Any:
    if attribute is None:
        return value
    for name in attribute.split("."):
        owner, key = value, int(name) if name.isdigit() else name
        value = lookup(owner, key)
        if value is MISSING:
            raise MissingValue(owner, key)
    return value


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **{name: DEFAULT_FILTERS[name] for name in _FROM_JINJA},
    **{name: _listed(DEFAULT_FILTERS[name]) for name in _MAKING_LISTS},
    "items": items,
    "join": join,
    "keys": keys,
    "replace": replace,
    "round": rounded,
    "sum": total,
    "tojson": tojson,
    "values": values,
}
