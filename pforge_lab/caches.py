"""What objects and classes have computed of themselves, which looking at them fills: left out of snapshots."""

from __future__ import annotations

import pickle
from typing import Any, Final

SLOTS: Final = "__slotnames__"  # copyreg keeps it in a class from the first instance on that is pickled


def without_cache(obj: Any) -> Any:
    """Return how an object of pandas is rebuilt, without its cache.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.array(pd.to_datetime(["2026-01-01"]))
    >>> days.year, without_cache(days)[2][0]
    (array([2026], dtype=int32), dtype('<M8[us]'))
    """
    rebuild, args, *rest = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    if not rest:
        return rebuild, args
    state, *items = rest
    if isinstance(state, dict):
        state = _cleared(state)
    elif isinstance(state, tuple):  # of arrays: type and data, and attributes where there are some
        parts = (_cleared(part) if isinstance(part, dict) else part for part in state)
        state = tuple(part for part in parts if not (isinstance(part, dict) and not part))
    return (rebuild, args, state, *items)


def _cleared(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != "_cache"}
