"""From a URL or a path to an open store."""

from __future__ import annotations

import atexit
import importlib
import os
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pforge_lab.errors import UsageError, near_misses
from pforge_lab.state.files import file_url
from pforge_lab.state.handle import check_mode

if TYPE_CHECKING:
    from pforge_lab.state.base import StateManager
    from pforge_lab.state.handle import Mode


class Backend(Protocol):
    """What ``open_state`` needs of a backend's class."""

    def canonical_url(self, scheme: str, rest: str) -> str:
        """Return the one URL that stands for the store, whatever way it was written."""

    def open(self, url: str, mode: Mode, **options: Any) -> StateManager:
        """Open the store of a canonical URL."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where the backend of a URL scheme is found; it is imported when it is first used.

    Attributes
    ----------
    module, name
        Of the backend's class.
    extra
        The optional dependencies of this package that it needs; None if it needs none.
    is_path
        Whether its URLs are paths and need no extra: they are made whole without importing it.
    """

    module: str
    name: str
    extra: str | None = None
    is_path: bool = False

    def load(self) -> Backend:
        """Import the backend."""
        try:
            backend: Backend = getattr(importlib.import_module(self.module), self.name)
        except ModuleNotFoundError as error:
            if self.extra is None or (error.name or "").startswith("pforge_lab"):
                raise
            raise UsageError(
                f"this store needs the module {error.name!r}; install it with: python -m pip install 'pforge_lab[{self.extra}]'"
            ) from None
        return backend


SCHEMES = {
    "memory": Scheme("pforge_lab.state.memory", "MemoryStateManager"),
    "postgresql": Scheme("pforge_lab.state.zodb.postgresql", "PostgreSQLStateManager", "postgresql"),
    "redis": Scheme("pforge_lab.state.redis", "RedisStateManager", "redis"),
    "rediss": Scheme("pforge_lab.state.redis", "RedisStateManager", "redis"),
    "sqlite": Scheme("pforge_lab.state.zodb.relational", "SQLiteStateManager", "sqlite"),
    "unix": Scheme("pforge_lab.state.redis", "RedisStateManager", "redis"),
    "zeo": Scheme("pforge_lab.state.zodb.zeo", "ZEOStateManager", "zeo"),
    "zodb": Scheme("pforge_lab.state.zodb", "ZODBStateManager", is_path=True),
}

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(.*)", re.DOTALL)  # one letter and a colon is a Windows drive
_open: dict[tuple[int, str, Mode], tuple[StateManager, dict[str, Any]]] = {}
_opening = threading.RLock()


def open_state(url: str | os.PathLike[str], mode: Mode = "w", **options: Any) -> StateManager:
    """Open the store of a URL or path.

    Opening what this process has open already returns the same object, counted: it closes
    when each holder has closed it.

    Parameters
    ----------
    url
        ``lab.fs`` or any path that ends in ``.fs``, or ``zodb:PATH``: a file, for one process
        that writes. ``sqlite:PATH``: for several processes. ``memory:`` or ``memory:NAME``.
        Servers: ``postgresql://…``, ``redis://…``, ``rediss://…``, ``unix://…`` (Redis),
        ``zeo:SOCKET``.
    mode
        ``"w"`` to read and write, creating what is not there; ``"r"`` to read, also beside
        a process that writes.
    **options
        Of the backend, such as ``ttl`` (seconds), ``durability`` or ``max_bytes``.

    Raises
    ------
    UsageError
        If the URL names no kind of store, what that kind needs is not installed, the options do not
        fit the store that is open, or ``mode="r"`` is for one in memory, which begins empty.
    StateLocked
        If another process has it open for writing.
    StateCorrupt
        If it is damaged or not ours.
    StateError
        If there is nothing there and ``mode="r"`` creates nothing, or a server does not answer.

    Examples
    --------
    >>> state = open_state("memory:example")
    >>> open_state("memory:example") is state
    True
    >>> state.close(); state.close(); state.closed
    True
    """
    check_mode(mode)
    scheme, rest = _split(os.fspath(url))
    backend = SCHEMES[scheme].load()
    canonical = backend.canonical_url(scheme, rest)
    with _opening:
        for place in [place for place, (state, _) in _open.items() if state.closed]:
            del _open[place]
        place = (os.getpid(), canonical, mode)
        if place in _open:
            return _shared(*_open[place], options)
        state = backend.open(canonical, mode, **options)
        _open[place] = (state, options)
        return state


def canonical_url(url: str | os.PathLike[str]) -> str:
    """Return the one URL that stands for the store of a path or ``url``, in whatever folder it is opened.

    Raises
    ------
    UsageError
        If it names no kind of store, or what that kind needs is not installed.

    Examples
    --------
    >>> canonical_url("memory:example")
    'memory:example'
    """
    scheme, rest = _split(os.fspath(url))
    if SCHEMES[scheme].is_path:
        return file_url(scheme, rest)
    return SCHEMES[scheme].load().canonical_url(scheme, rest)


def _shared(state: StateManager, opened_with: dict[str, Any], options: dict[str, Any]) -> StateManager:
    if options and options != opened_with:
        raise UsageError(
            f"{state.url} is open in this process with other options; close it first, or leave out {', '.join(sorted(options))}"
        )
    state.hold()
    return state


def register_scheme(scheme: str, module: str, name: str, extra: str | None = None) -> None:
    """Let ``open_state`` open ``SCHEME:...`` with a backend class, which is imported when it is first used.

    Parameters
    ----------
    scheme
        Before the colon of the URL, in lower case.
    module, name
        Of the class, which has the class methods ``canonical_url(scheme, rest)`` and
        ``open(url, mode, **options)``.
    extra
        The optional dependencies of this package that it needs; None if it needs none.

    Examples
    --------
    >>> register_scheme("ram", "pforge_lab.state.memory", "MemoryStateManager")
    >>> with open_state("ram:example") as state:
    ...     state.keys()
    []
    >>> del SCHEMES["ram"]
    """
    SCHEMES[scheme] = Scheme(module, name, extra)


def _split(url: str) -> tuple[str, str]:
    match = _URL.fullmatch(url)
    if match and match[1].lower() in SCHEMES:
        return match[1].lower(), match[2]
    if match:
        raise UsageError(
            f"{url!r} is no kind of store known here (for a file of that name write './{url}'){near_misses(match[1], SCHEMES)}"
        )
    if url.endswith(".fs"):
        return "zodb", url
    raise UsageError(
        f"{url!r} names no kind of store; give a path that ends in .fs, 'zodb:{url}', or 'memory:'"
    )


@atexit.register
def _close_all() -> None:
    """Close what is still open, so that the next start needs no recovery."""
    for (pid, _, _), (state, _) in list(_open.items()):
        while pid == os.getpid() and not state.closed:
            state.close()
