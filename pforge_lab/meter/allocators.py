"""What the allocators hold, and giving back what was freed."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class AllocatorTotals:
    """Bytes in the hands of the allocators; None where one cannot be asked.

    Attributes
    ----------
    malloc_used, malloc_free
        What the C library has handed out, and what was freed but not returned to the system.
        Python's own small objects are not in it: they live in arenas of their own.
    arrow
        What Arrow's default pool has handed out.

    Examples
    --------
    >>> totals = allocators()
    >>> totals.malloc_used is None or totals.malloc_used > 0  # bytes; None where it cannot be asked
    True
    """

    malloc_used: int | None
    malloc_free: int | None
    arrow: int | None


class _Mallinfo2(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def allocators() -> AllocatorTotals:
    """Ask the allocators for their totals.

    Takes from 15 µs up to milliseconds in a fragmented heap, because the C library counts its
    free pieces one by one: not for every step.

    Examples
    --------
    >>> isinstance(allocators(), AllocatorTotals)
    True
    """
    mallinfo2 = _libc_function("mallinfo2", _Mallinfo2)
    if mallinfo2 is None:
        return AllocatorTotals(None, None, arrow_bytes())
    info = mallinfo2()
    return AllocatorTotals(info.uordblks + info.hblkhd, info.fordblks, arrow_bytes())


def arrow_bytes() -> int | None:
    """Return the bytes of Arrow's default pool, or None while pyarrow is not imported."""
    if "pyarrow" not in sys.modules:
        return None
    pool = _arrow_pool()
    return None if pool is None else int(pool.bytes_allocated())


def return_freed_memory() -> None:
    """Give memory that was freed back to the system: Arrow's pool and the C library's heap.

    Costs 1 to 20 ms, and later steps pay the page faults again. Small Python objects that are
    still alive can pin whole arenas, which nothing returns. On Windows only Arrow's pool is
    returned.

    Examples
    --------
    >>> return_freed_memory()
    """
    pool = _arrow_pool()
    if pool is not None:
        pool.release_unused()
    trim = _libc_function("malloc_trim", ctypes.c_int)
    if trim is not None:
        trim(ctypes.c_size_t(0))
    relieve = _libc_function("malloc_zone_pressure_relief", ctypes.c_size_t)
    if relieve is not None:
        relieve(None, ctypes.c_size_t(0))


def _arrow_pool() -> Any:
    pyarrow = sys.modules.get("pyarrow")
    default = getattr(pyarrow, "default_memory_pool", None)  # absent while pyarrow is being imported
    return None if default is None else default()


@cache
def _libc_function(name: str, result: type[Any]) -> Any:
    if sys.platform == "win32":
        return None
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function.restype = result
    return function
