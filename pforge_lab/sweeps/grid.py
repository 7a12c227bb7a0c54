"""From a grid or a list to the parameter sets of a sweep, and names for them that stay."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from pforge_lab.errors import UsageError
from pforge_lab.serialization import pack
from pforge_lab.values.describe import sketch

Grid = Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]]


def parameter_sets(grid: Grid) -> list[dict[str, Any]]:
    """Return the parameter sets of a grid (every combination) or of a list, each once, in order.

    Raises
    ------
    UsageError
        It is neither, or has no set at all.

    Examples
    --------
    >>> parameter_sets({"month": [1, 2], "by": ["carrier"]})
    [{'month': 1, 'by': 'carrier'}, {'month': 2, 'by': 'carrier'}]
    >>> parameter_sets([{"month": 1}, {"month": 7}, {"month": 1}])
    [{'month': 1}, {'month': 7}]
    """
    sets = _combined(grid) if isinstance(grid, Mapping) else _listed(grid)
    if not sets:
        raise UsageError("the grid has no parameter set; give every name at least one value")
    return list({digest_of(params): params for params in sets}.values())


def _combined(grid: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    wrong = [
        name
        for name, values in grid.items()
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable)
    ]
    if wrong:
        raise UsageError(
            f"a grid has a list of values for every name, and {wrong[0]!r} has {sketch(grid[wrong[0]])}; "
            f"write [{sketch(grid[wrong[0]])}] for a single one"
        )
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _listed(grid: object) -> list[dict[str, Any]]:
    if isinstance(grid, str | bytes) or not isinstance(grid, Iterable):
        raise UsageError(
            f"a grid is a dict of lists or a list of dicts of parameters, not {type(grid).__name__}"
        )
    sets = list(grid)
    wrong = [place for place, params in enumerate(sets) if not isinstance(params, Mapping)]
    if wrong:
        raise UsageError(
            f"set {wrong[0]} of the list is no dict of parameters but {sketch(sets[wrong[0]])}; "
            "give a dict of lists or a list of dicts"
        )
    return [dict(params) for params in sets]


def digest_of(value: object) -> str:
    """Return a hash of a value that is the same in every process, for what JSON or pickle can write."""
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=True).encode()
    except (TypeError, ValueError):
        text = pack(value, in_band=True).stream
    return hashlib.blake2b(text, digest_size=5).hexdigest()


def member_id(name: str, definition: str, params: Mapping[str, Any]) -> str:
    """Return the id of a run in a sweep: the same whenever the sweep is executed again.

    Examples
    --------
    >>> member_id("day of flights", "a hash", {"month": 2}) == member_id("day of flights", "a hash", {"month": 2})
    True
    >>> member_id("day of flights", "a hash", {"month": 2}).partition("@")[0]
    'day-of-flights'
    """
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") or "run"
    return f"{stem[:40]}@{digest_of([definition, digest_of(dict(params))])}"
