"""Values that are more than bytes."""

from __future__ import annotations

import json
from typing import Any

from pforge_lab.errors import StateError, WrongType, WrongValue


def to_json(key: str, value: Any) -> bytes:
    """Return ``value`` as compact JSON in UTF-8.

    Raises
    ------
    WrongType, WrongValue
        If it has no JSON form; NaN and infinities have none.

    Examples
    --------
    >>> to_json("k", {"a": [1, None]})
    b'{"a":[1,null]}'
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except TypeError as error:
        raise WrongType(
            f"the value of {key!r} has no JSON form: {error}; store bytes with set()", key=key
        ) from error
    except (ValueError, RecursionError) as error:
        raise WrongValue(
            f"the value of {key!r} has no JSON form: {error}; store bytes with set()", key=key
        ) from error


def from_json(key: str, value: bytes) -> Any:
    """Return what ``to_json`` was given.

    Raises
    ------
    StateError
        If the bytes are no JSON.
    """
    try:
        return json.loads(value)
    except ValueError as error:
        raise StateError(f"{key!r} does not hold JSON: {error}; read it with get()", key=key) from error
