"""Libraries that are imported when they are first used: many a process never needs them, such as a kernel that is recorded."""

from __future__ import annotations

import gc
import importlib
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

__all__ = ["Late", "imported", "is_frame", "pd", "uncollected"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import pandas as pd


class Late:
    """Stands for a module, and imports it when something of it is asked for.

    Parameters
    ----------
    name
        Of the module.

    Examples
    --------
    >>> Late("fractions").Fraction(1, 2)
    Fraction(1, 2)
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Return an attribute of the module; from then on it is at hand here."""
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away from a moment that makes much of what stays: it goes through all, again and again.

    Examples
    --------
    >>> with uncollected():
    ...     gc.isenabled()
    False
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def imported(name: str) -> ModuleType:
    """Return a module that imports much; without the garbage collector that takes two thirds of the time.

    Examples
    --------
    >>> imported("fractions").Fraction(1, 2)
    Fraction(1, 2)
    """
    with uncollected():
        return importlib.import_module(name)


def is_frame(value: object) -> TypeGuard[pd.DataFrame]:
    """Return whether a value is a DataFrame of pandas, importing nothing: without pandas there is none.

    Examples
    --------
    >>> is_frame([1])
    False
    """
    frame = getattr(sys.modules.get("pandas"), "DataFrame", None)
    return frame is not None and isinstance(value, frame)


if not TYPE_CHECKING:
    pd = Late("pandas")
