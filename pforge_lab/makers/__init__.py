"""What makes the objects of data that nobody vouches for, in place of what their stream names.

A stream may call whatever is on the safe list with anything. Each call goes to a function of this package
instead, which makes the object only if its library itself would: through a constructor that checks, or after
a check of its own. ``CALLS`` are those that a call completes, ``BUILDS`` those that a state completes.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULES = {
    "dateutil": ("times",),
    "numpy": ("arrays",),
    "pandas": ("frames", "times"),
    "polars": ("polars",),
    "pyarrow": ("arrow",),
}
_OURS = {
    "_arrow_column": ("frames",),
    "_from_arrow": ("polars",),
    "_of_dict": ("values",),
    "zone": ("values",),
}


@functools.lru_cache(maxsize=1024)
def maker(kind: Any) -> tuple[Callable[[Any, Any], Any] | None, Callable[..., Any] | None]:
    """Return what makes an object of arguments and state, and what makes one of arguments, in place of ``kind``.

    Examples
    --------
    >>> import numpy as np
    >>> builds, calls = maker(np.dtype)
    >>> builds.__name__, calls
    ('made_dtype', None)
    >>> maker(eval)
    (None, None)
    """
    for module in _tables(kind):
        if kind in module.BUILDS:
            return module.BUILDS[kind], None
        if kind in module.CALLS:
            return None, module.CALLS[kind]
    return None, None


def forgets(made: Any) -> bool:
    """Return whether a state says nothing that an object does not know."""
    return any(type(made) in getattr(module, "WITHOUT_STATE", ()) for module in _tables(type(made)))


def _tables(kind: Any) -> list[Any]:
    root = (getattr(kind, "__module__", None) or "").partition(".")[0]
    ours = root == "pforge_lab"
    names = _OURS.get(kind.__name__, ("arrays",)) if ours else _MODULES.get(root, ("values",))
    return [importlib.import_module(f"pforge_lab.makers.{name}") for name in names]
