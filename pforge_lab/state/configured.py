"""The ``state:`` section of a pipeline file, opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import UsageError, near_misses
from pforge_lab.state.opening import open_state

if TYPE_CHECKING:
    from pforge_lab.state.base import StateManager
    from pforge_lab.state.handle import Mode

# For each backend: where it is, the option each setting becomes, and where it is by default.
_BACKENDS: dict[str, tuple[str, dict[str, str]]] = {
    "memory": ("", {"max_size": "max_bytes", "ttl_seconds": "ttl"}),
    "redis": ("url", {"pool_size": "pool_size", "ttl_seconds": "ttl"}),
    "sled": ("path", {"cache_size": "cache_size", "ttl_seconds": "ttl"}),
    "zodb": ("path", {"cache_size": "cache_size", "ttl_seconds": "ttl"}),
}


def open_configured(
    backend: str, *, folder: str | os.PathLike[str] = ".", mode: Mode = "w", **settings: Any
) -> StateManager:
    """Open the store that a ``state:`` section describes.

    Parameters
    ----------
    backend
        ``sled`` and ``zodb`` mean a ZODB file at ``path``; ``redis`` a server at ``url``;
        ``memory`` this process.
    folder
        What ``path`` is relative to.
    mode
        As for ``open_state``.
    **settings
        ``path``, ``url``, ``cache_size``, ``pool_size``, ``ttl_seconds``, ``max_size``; None
        stands for one that is not given.

    Raises
    ------
    UsageError
        If a setting does not belong to the backend, or its place is missing.

    Examples
    --------
    >>> with open_configured("memory", max_size=1_000_000, ttl_seconds=60) as state:
    ...     state.set("k", b"v")
    ...     round(state.ttl("k"))
    60
    """
    if backend not in _BACKENDS:
        raise UsageError(f"state: backend {backend!r} is not known{near_misses(backend, _BACKENDS)}")
    place, names = _BACKENDS[backend]
    given = {name: value for name, value in settings.items() if value is not None}
    where = given.pop(place, None)
    if place and where is None:
        raise UsageError(f"state: backend {backend!r} needs {place!r}, which says where the store is")
    unknown = sorted(given.keys() - names.keys())
    if unknown:
        raise UsageError(
            f"state: {unknown[0]!r} is no setting of backend {backend!r}{near_misses(unknown[0], names)}"
        )
    options = {names[name]: value for name, value in given.items()}
    return open_state(_url(backend, where, folder), mode, **options)


def _url(backend: str, where: str | None, folder: str | os.PathLike[str]) -> str:
    if where is None:
        return f"memory:{os.path.abspath(folder)}"  # noqa: PTH100 - each folder has a memory of its own
    return where if backend == "redis" else f"zodb:{os.path.join(folder, where)}"  # noqa: PTH118 - keeps what ~ and .. mean
