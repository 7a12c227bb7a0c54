"""pforge's measure of a variable: the length of its JSON."""

from __future__ import annotations

import json

from pforge_lab.runs.ledger import account


def json_length(value: object) -> int:
    """Return the bytes of a value as compact JSON in UTF-8, or what it reaches in memory if it is no JSON.

    Examples
    --------
    >>> json_length({"a": [1, 2]})
    11
    >>> import numpy as np
    >>> json_length(np.zeros(1000)) > 8000
    True
    """
    try:
        return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        return account({"": value})[""].reach
