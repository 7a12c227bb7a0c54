"""A bound on the memory that a piece of work may ask for."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if sys.platform == "linux":
    import resource

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()


@contextmanager
def allowed(extra: int) -> Iterator[None]:
    """Refuse what would make the process larger than it is by more than ``extra`` bytes, with MemoryError.

    The bound is the kernel's, on the address space of the whole process (RLIMIT_AS): other threads
    are held to it as long as the context lasts, so ``extra`` should be generous. On Linux only;
    elsewhere nothing is bounded. Costs about 10 µs.

    Examples
    --------
    >>> with allowed(1 << 30):
    ...     len(bytes(1_000_000))
    1000000
    """
    if sys.platform != "linux":
        yield
        return
    with _lock:
        before, hard = resource.getrlimit(resource.RLIMIT_AS)
        bound = _address_space() + extra
        limits = [limit for limit in (before, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min([bound, *limits]), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - a file of the kernel's
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
