"""How a dotted path such as ``user.address.0`` finds its way into a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

MISSING: Final = object()
_SANDBOX = SandboxedEnvironment()


class MissingValue(UndefinedError):
    """Something undefined was used: ``name`` of ``owner`` (or of the scope)."""

    def __init__(self, owner: object, name: object, message: str | None = None) -> None:
        super().__init__(message)
        self.owner = owner
        self.name = name


def lookup(value: Any, key: Any) -> Any:
    """Return the part `key` of `value`, or `MISSING`.

    On mappings the key wins and attributes are not reached at all, so that ``page.items`` is the
    field; on tables (anything with keys) a column wins over an attribute.

    Raises
    ------
    SecurityError
        For private attributes and for methods: templates read data and call nothing.

    Examples
    --------
    >>> lookup({"items": [1, 2]}, "items")
    [1, 2]
    >>> lookup([10, 20], 1)
    20
    >>> lookup({}, "items") is MISSING
    True
    """
    if isinstance(value, Mapping):
        return _of_mapping(value, key)
    if not isinstance(key, str):
        return _item(value, key)
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        found = _item(value, key)
        if found is not MISSING:
            return found
    return _attribute(value, key)


def _of_mapping(value: Mapping[Any, Any], key: Any) -> Any:
    try:
        if key in value:
            return value[key]
        if isinstance(key, int) and str(key) in value:
            return value[str(key)]
    except TypeError:  # an unhashable key is in no mapping
        return MISSING
    return MISSING


def _item(value: Any, key: Any) -> Any:
    try:
        return value[key]
    except (LookupError, TypeError, ValueError, AttributeError):
        return MISSING


def _attribute(value: Any, name: str) -> Any:
    if not _SANDBOX.is_safe_attribute(value, name, None):
        raise SecurityError(f"{name!r} of a {type(value).__name__} is private")
    try:
        found = getattr(value, name)
    except AttributeError:
        return _item(value, name)
    if callable(found) and not isinstance(found, Mapping):
        raise SecurityError(f"{name!r} is a method of {type(value).__name__}, and templates call nothing")
    return found
