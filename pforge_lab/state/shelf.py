"""The standard library's ``shelve``, on a store.

Examples
--------
>>> import pforge_lab as pf
>>> with pf.open_state("memory:").shelf("friends/") as shelf:
...     shelf["ada"] = {"born": 1815}
...     dict(shelf)
{'ada': {'born': 1815}}
"""

from __future__ import annotations

import dbm
import os
import shelve
from collections.abc import Iterable, Iterator, MutableMapping
from io import BytesIO
from pathlib import Path
from pickle import DEFAULT_PROTOCOL, Pickler
from typing import TYPE_CHECKING, Any, cast

from pforge_lab.errors import StateError, WrongValue
from pforge_lab.state.opening import open_state

if TYPE_CHECKING:
    from pforge_lab.state.base import StateManager

_IMPORTED_AT_ONCE = 1000


def open(  # noqa: A001 - the name that shelve gives it
    filename: str | bytes | os.PathLike[str],
    flag: str = "c",
    protocol: int | None = None,
    writeback: bool = False,
) -> StateShelf:
    """Open a shelf in a ZODB file, as ``shelve.open`` does in a dbm file.

    What ``sync`` and ``update`` store is stored together or not at all, and what is stored
    survives a crash. **Reading a value unpickles it, as shelve does, and so can execute
    code: open only files you trust.** The keys and pickles lie in the store as they are:
    ``open_state(filename)`` sees them too.

    Parameters
    ----------
    filename
        The file, taken as it is; no ending is added.
    flag
        ``"r"`` to read what exists, ``"w"`` to read and write what exists, ``"c"`` to create
        it if need be, ``"n"`` to begin empty: everything in the file is removed.
    protocol
        Of pickle; None for pickle's default.
    writeback
        Keep what was read and write all of it back on ``sync`` and ``close``, so that
        ``shelf["list"].append(1)`` is kept.

    Raises
    ------
    StateError
        If ``flag`` is ``"r"`` or ``"w"`` and there is no such file.
    StateLocked
        If another process has it open for writing.
    StateCorrupt
        If it is damaged or not ours.
    WrongValue
        If ``flag`` is none of these.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with open(Path(folder.name, "shelf")) as shelf:
    ...     shelf["flights"] = {"carrier": "UA"}
    >>> with open(Path(folder.name, "shelf"), "r") as shelf:
    ...     dict(shelf)
    {'flights': {'carrier': 'UA'}}
    >>> folder.cleanup()
    """
    if flag not in ("r", "w", "c", "n"):
        raise WrongValue(f"flag is 'r', 'w', 'c' or 'n', not {flag!r}")
    path = Path(os.fsdecode(filename))
    if flag in ("r", "w") and not path.exists():
        raise StateError(f"{path} does not exist; create it with flag='c'")
    state = open_state(f"zodb:{path}", mode="r" if flag == "r" else "w")
    if flag == "n":
        with state.batch() as batch:
            for key in state.keys():  # noqa: SIM118 - a store is no mapping
                batch.delete(key)
    return StateShelf(StateMapping(state), protocol, writeback)


class StateMapping(MutableMapping[bytes, bytes]):
    """The keys of a store that begin with a prefix, as the mapping of bytes that a shelf works on.

    It holds the store: closing it lets go of it once.
    """

    def __init__(self, state: StateManager, prefix: str = "") -> None:
        self.state = state
        self.prefix = prefix

    def name(self, key: bytes) -> str:
        """Return the store's name of a key."""
        return self.prefix + key.decode()

    def __getitem__(self, key: bytes) -> bytes:
        value = self.state.get(self.name(key))
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.state.set(self.name(key), value)

    def __delitem__(self, key: bytes) -> None:
        if not self.state.delete(self.name(key)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.state.exists(self.name(key))

    def __iter__(self) -> Iterator[bytes]:
        for key in self.state.keys(self.prefix):
            yield key.removeprefix(self.prefix).encode()

    def __len__(self) -> int:
        return len(self.state.keys(self.prefix))

    def close(self) -> None:
        """Let go of the store."""
        self.state.close()


class StateShelf(shelve.Shelf[Any]):
    """A ``shelve.Shelf`` over any mapping of bytes; over a store, it stores many values as one.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> with MemoryStateManager() as state, state.shelf("settings/") as shelf:
    ...     shelf.update(by="carrier", top=10)
    ...     state.keys(), shelf["top"]
    (['settings/by', 'settings/top'], 10)
    """

    dict: Any
    cache: Any
    keyencoding: str
    writeback: bool
    _protocol: int

    def __init__(
        self,
        dict: MutableMapping[bytes, bytes],  # noqa: A002 - shelve's name
        protocol: int | None = None,
        writeback: bool = False,
        keyencoding: str = "utf-8",
    ) -> None:
        super().__init__(dict, DEFAULT_PROTOCOL if protocol is None else protocol, writeback, keyencoding)

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Store all items, together or not at all."""
        items = dict(other) | more
        if self.writeback:
            self.cache.update(items)
        self._store(items.items())

    def sync(self) -> None:
        """Store what has been read and written with ``writeback``, together or not at all."""
        if self.writeback and self.cache:
            self._store(self.cache.items())
            self.cache = {}

    def _store(self, items: Iterable[tuple[str, Any]]) -> None:
        mapping = self.dict
        pickled = {key.encode(self.keyencoding): self._pickled(value) for key, value in items}
        if isinstance(mapping, StateMapping):
            mapping.state.set_many({mapping.name(key): value for key, value in pickled.items()})
        else:
            mapping.update(pickled)

    def _pickled(self, value: Any) -> bytes:
        file = BytesIO()
        Pickler(file, self._protocol).dump(value)
        return file.getvalue()


def import_shelf(filename: str | os.PathLike[str], state: StateManager, prefix: str = "") -> int:
    """Copy a shelf that ``shelve.open`` made into a store, without unpickling anything.

    Read it with ``state.shelf(prefix)`` then. Values are copied a thousand at a time.

    Returns
    -------
    int
        How many values were copied.

    Raises
    ------
    StateError
        If there is no such file, or it is no dbm file that this Python can read.

    Examples
    --------
    >>> import tempfile
    >>> from pforge_lab.state import MemoryStateManager
    >>> state = MemoryStateManager()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with shelve.open(f"{folder}/old") as old:
    ...         old["ada"] = {"born": 1815}
    ...     import_shelf(f"{folder}/old", state, "friends/")
    1
    >>> state.shelf("friends/")["ada"]
    {'born': 1815}
    """
    try:
        old = dbm.open(os.fspath(filename), "r")  # noqa: SIM115 - closed below; only opening it may fail
    except (OSError, *dbm.error) as error:
        raise StateError(f"{os.fspath(filename)} is no shelf that can be read here: {error}") from error
    target = StateMapping(state, prefix)
    waiting: dict[str, bytes] = {}
    copied = 0
    with old:
        for key in cast("list[bytes]", old.keys()):
            waiting[target.name(key)] = old[key]
            copied += 1
            if len(waiting) == _IMPORTED_AT_ONCE:
                state.set_many(waiting)
                waiting = {}
    state.set_many(waiting)
    return copied
