"""What the functions of this package look at."""

from __future__ import annotations

import array
import importlib
import mmap
from typing import Any

import numpy as np

_EXPORTERS = (bytes, bytearray, memoryview, array.array, mmap.mmap)


def untyped(module: str) -> Any:
    """Return a module whose types know nothing of what streams name: it is private to its library."""
    return importlib.import_module(module)


def require(sound: object, what: str) -> None:
    """Raise ValueError unless ``sound``."""
    if not sound:
        raise ValueError(f"unsound: {what}")


def is_plain(dtype: object) -> bool:
    """Return whether any bytes are elements of a dtype: they are no addresses.

    Examples
    --------
    >>> is_plain(np.dtype("f8")), is_plain(np.dtype([("a", "O")])), is_plain(np.dtypes.StringDType())
    (True, False, False)
    """
    return (
        isinstance(dtype, np.dtype) and bool(getattr(type(dtype), "_legacy", False)) and not dtype.hasobject
    )


def is_array(value: object, kinds: str = "", ndim: int | None = None) -> bool:
    """Return whether a value is an array of no other class; of ``kinds`` of dtype, with ``ndim`` dimensions."""
    return (
        type(value) is np.ndarray and (not kinds or value.dtype.kind in kinds) and ndim in (None, value.ndim)
    )


def exports_bytes(buffer: Any) -> bool:
    """Return whether the memory of an object is bytes: that of an array of objects is addresses."""
    if isinstance(buffer, np.ndarray):
        return is_plain(buffer.dtype)
    return isinstance(buffer, _EXPORTERS) and memoryview(buffer).format != "O"
