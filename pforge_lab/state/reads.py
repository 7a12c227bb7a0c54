"""What can be read of a store."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pforge_lab.state.checks import check_key, check_prefix
from pforge_lab.state.primitives import Primitives

if TYPE_CHECKING:
    from collections.abc import Iterable


class Reads(Primitives):
    """Reading, one key or many; arguments are checked, and the store has to be open."""

    def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None if there is none.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1")
        >>> state.get("a"), state.get("b")
        (b'1', None)
        """
        self.check_open()
        return self._get(check_key(key))

    def get_buffer(self, key: str) -> memoryview | None:
        """Return the value as a read-only memoryview, or None; cheap for large values where the backend can map them.

        A mapped value is not verified against its checksum, which would read all of it;
        ``get`` verifies. The view stays valid after the key is changed or the store closed.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"12345")
        >>> bytes(state.get_buffer("a")[:2])
        b'12'
        """
        self.check_open()
        return self._get_buffer(check_key(key))

    def exists(self, key: str) -> bool:
        """Return whether ``key`` has a value, without reading it.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1")
        >>> state.exists("a"), state.exists("b")
        (True, False)
        """
        self.check_open()
        return self._expiry(check_key(key)) is not None

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those of ``keys`` that have one, all read at the same moment.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1")
        >>> state.get_many(["a", "b"])
        {'a': b'1'}
        """
        self.check_open()
        return self._get_many([check_key(key) for key in keys])

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that start with ``prefix``, sorted by code point.

        Time grows with the number of those keys; in memory with that of all keys, on Redis with that
        of all keys in the server's database.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set_many({"run/2": b"", "run/1": b"", "other": b""})
        >>> state.keys("run/")
        ['run/1', 'run/2']
        """
        self.check_open()
        return self._keys(check_prefix(prefix))

    def ttl(self, key: str) -> float | None:
        """Return the seconds ``key`` has left, or None if it never expires or does not exist.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.set("a", b"1", ttl=60)
        >>> 59 < state.ttl("a") <= 60
        True
        """
        self.check_open()
        expires = self._expiry(check_key(key))
        return None if expires is None or expires == math.inf else max(0.0, expires - self.clock())
