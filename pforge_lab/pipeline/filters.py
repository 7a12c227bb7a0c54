"""The filters that templates may use: Jinja's, less those that call, print or grow without bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jinja2.filters import FILTERS as DEFAULT_FILTERS

from .lookup import MISSING, lookup

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
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "sort",
    "string",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
]


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


def _part(value: Any, attribute: str | None) -> Any:
    if attribute is None:
        return value
    for name in attribute.split("."):
        value = lookup(value, int(name) if name.isdigit() else name)
        if value is MISSING:
            raise LookupError(f"there is no {attribute!r}")
    return value


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **{name: DEFAULT_FILTERS[name] for name in _FROM_JINJA},
    "items": items,
    "join": join,
    "keys": keys,
    "replace": replace,
    "round": rounded,
    "sum": total,
    "values": values,
}
