"""How keys and values lie in a ZODB database.

The root maps ``pforge`` to the version of this layout, ``keys`` to a tree and ``expiry`` to
an index. The tree maps each key to an *entry*: the value itself if it is small, else a head
and a reference. A head says when the value expires and how large it is, so that neither
needs the value to be read. Names of classes and modules here are written into files.
"""

from __future__ import annotations

import functools
import importlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xxhash
from BTrees.LOBTree import LOBTree
from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZODB.blob import Blob

from pforge_lab.errors import StateCorrupt

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
#: Values up to this many bytes lie in the tree itself.
INLINE_BYTES = 512
#: Values up to this many bytes are a record of their own, larger ones a file.
RECORD_BYTES = 1 << 20
#: Values of records of their own are kept in a view's cache up to this size.
CACHED_BYTES = 4096

PLAIN = 0  # first byte of an inline value that never expires
_LIMITED = 1  # the same for one that expires; the moment follows
_MOMENT = struct.Struct(">d")
_HEAD = struct.Struct(">BdQ16s")  # kind, moment, size, digest


class KeyTree(OOBTree):  # type: ignore[misc] # BTrees has no types
    """A tree with small leaves: a leaf is what changing one key writes; when it splits, the node above it too."""

    max_leaf_size = 12
    max_internal_size = 32


class Value(Persistent):  # type: ignore[misc] # persistent has no types
    """A value in a record of its own. Its state is one bytes object, which pickles fastest."""

    data = b""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def __getstate__(self) -> bytes:
        return self.data

    def __setstate__(self, state: bytes) -> None:
        self.data = state


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a value without reading it.

    Attributes
    ----------
    expires
        On the store's clock; None for never.
    size
        In bytes.
    digest
        Of a value in a file of its own, which no record's checksum covers; else zeros.
    """

    expires: float | None
    size: int
    digest: bytes = bytes(16)

    def encoded(self) -> bytes:
        """Return the head as it is stored."""
        kind = PLAIN if self.expires is None else _LIMITED
        return _HEAD.pack(kind, self.expires or 0.0, self.size, self.digest)


def entry_of(value: bytes, expires: float | None, blob: Path | None = None) -> Any:
    """Return the entry for a value; ``blob`` is the file it has been written to if it is large."""
    if blob is not None:
        large = Blob()
        large.consumeFile(str(blob))
        return Head(expires, len(value), digest_of(value)).encoded(), large
    if len(value) > INLINE_BYTES:
        return Head(expires, len(value)).encoded(), Value(value)
    if expires is None:
        return b"\0" + value
    return b"\1" + _MOMENT.pack(expires) + value


def entry_until(entry: Any, expires: float | None) -> Any:
    """Return the entry with another expiry; a large value is not read."""
    if isinstance(entry, bytes):
        return entry_of(inline_value(entry), expires)
    head = head_of(entry)
    return Head(expires, head.size, head.digest).encoded(), entry[1]


def head_of(entry: Any) -> Head:
    """Return what is known of an entry without reading its value."""
    if isinstance(entry, bytes):
        return Head(expiry_of(entry), len(entry) - (1 if entry[0] == PLAIN else 1 + _MOMENT.size))
    kind, expires, size, digest = _HEAD.unpack(entry[0])
    return Head(None if kind == PLAIN else expires, size, digest)


def expiry_of(entry: Any) -> float | None:
    """Return when an entry expires; None for never."""
    head = entry if isinstance(entry, bytes) else entry[0]
    if head[0] == PLAIN:
        return None
    moment: float = _MOMENT.unpack_from(head, 1)[0]
    return moment


def inline_value(entry: bytes) -> bytes:
    """Return the value of an entry that holds it."""
    return entry[1:] if entry[0] == PLAIN else entry[1 + _MOMENT.size :]


def digest_of(value: bytes) -> bytes:
    """Return the checksum of a value in a file of its own."""
    return xxhash.xxh3_128_digest(value)


_OURS = {
    (__name__, "KeyTree"),
    (__name__, "Value"),
    ("BTrees.LOBTree", "LOBTree"),
    ("BTrees.LOBTree", "LOBucket"),
    ("BTrees.OOBTree", "OOBucket"),
    ("BTrees.OOBTree", "OOSet"),
    ("BTrees.OOBTree", "OOTreeSet"),
    ("ZODB.blob", "Blob"),
    ("persistent.mapping", "PersistentMapping"),
}


def our_class(_connection: Any, module: str, name: str) -> Any:
    """Return a class that a file may name: one of those above, and nothing else whatever the file says.

    Raises
    ------
    StateCorrupt
        For any other; it is not imported.
    """
    if (module, name) not in _OURS:
        raise StateCorrupt(
            f"the file names {module}.{name}, which no store of pforge_lab does; it was not loaded"
        )
    return _imported(module, name)


@functools.cache
def _imported(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def lay_out(root: Any) -> None:
    """Make the root of a new, empty database."""
    root["keys"] = KeyTree()
    root["expiry"] = LOBTree()
    root["pforge"] = VERSION
