"""The types of params: which values are of them, and which texts stand for such values."""

from __future__ import annotations

import json
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

ParamType = Literal["string", "integer", "float", "number", "boolean", "array", "object", "any"]
TYPES: Final[tuple[str, ...]] = get_args(ParamType)

JSON_TYPES: Final = {
    "string": "string", "integer": "integer", "float": "number", "number": "number",
    "boolean": "boolean", "array": "array", "object": "object",
}  # fmt: skip


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Return whether a value is a number; a boolean is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool) or (
        type(value).__module__ == "numpy" and type(value).__name__ in {"bool", "bool_"}
    )


def _is_array(value: object) -> bool:
    if isinstance(value, list | tuple | set | frozenset | range):
        return True
    return hasattr(value, "__array__") and getattr(value, "ndim", 0) >= 1


def _is_object(value: object) -> bool:
    return not (value is None or isinstance(value, str | bytes | Real | list | tuple | set | frozenset))


ACCEPTS: Final[dict[str, Callable[[Any], bool] | None]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "float": is_number,
    "number": is_number,
    "boolean": _is_boolean,
    "array": _is_array,
    "object": _is_object,
    "any": None,
}


def an(kind: str) -> str:
    """Return a type with its article."""
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _integer(text: str) -> int:
    return int(text, 10)


def _number(text: str) -> int | float:
    try:
        return int(text, 10)
    except ValueError:
        return float(text)


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError(word)


def _array(text: str) -> object:
    value = json.loads(text)
    if not isinstance(value, list):
        raise ValueError(text)  # noqa: TRY004 -- the caller tells of a text that cannot be read
    return value


def _object(text: str) -> object:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)  # noqa: TRY004 -- the caller tells of a text that cannot be read
    return value


def _any(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "string": str, "integer": _integer, "float": float, "number": _number,
    "boolean": _boolean, "array": _array, "object": _object, "any": _any,
}  # fmt: skip
HINTS: Final = {
    "boolean": "; write true or false",
    "array": "; write JSON such as [1, 2]",
    "object": '; write JSON such as {"a": 1}',
}
