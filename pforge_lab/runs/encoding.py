"""Facts of runs as JSON text: what a journal keeps under its keys."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pydantic_core


def encoded(data: object) -> bytes:
    r"""Return plain values as compact JSON; tuples become lists, and times text in ISO 8601.

    Texts with halves of surrogate pairs, such as names of files that are not UTF-8, have no UTF-8
    form; these are written as escapes.

    Examples
    --------
    >>> encoded({"label": "load", "changed": ("x",)})
    b'{"label":"load","changed":["x"]}'
    >>> encoded({"text": chr(0xDC80)})
    b'{"text":"\\udc80"}'
    """
    try:
        return pydantic_core.to_json(data)
    except pydantic_core.PydanticSerializationError:
        return json.dumps(data, separators=(",", ":"), default=datetime.isoformat).encode()


def decoded(text: bytes) -> Any:
    """Return what `encoded` was given."""
    return json.loads(text)


def moment(told: str | datetime) -> datetime:
    """Return the time that `encoded` wrote.

    Examples
    --------
    >>> moment("2026-01-01T12:00:00Z").hour
    12
    """
    return told if isinstance(told, datetime) else datetime.fromisoformat(told)
