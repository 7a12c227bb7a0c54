"""Facts of runs as JSON text: what a journal keeps under its keys."""

from __future__ import annotations

import json
from typing import Any

import pydantic_core


def encoded(data: object) -> bytes:
    r"""Return plain values as compact JSON; tuples become lists.

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
        return json.dumps(data, separators=(",", ":")).encode()


def decoded(text: bytes) -> Any:
    """Return what `encoded` was given."""
    return json.loads(text)
