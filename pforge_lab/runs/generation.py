"""How snapshots are written beside a collection of chunks: the collection is noticed, and made up for.

A snapshot that fits is written in one move: the last chunks together with the manifest that names
them. Of a large one chunks are written before it; between the two, nothing names these, and a
collection takes them for garbage. It also takes what a snapshot under way has found in the store. Neither side waits for
the other; each commit proves that the other did nothing meanwhile:

- Every collection changes the *generation*, in the transaction that removes chunks. Every commit
  of a manifest is guarded by the generation that its journal had read before it looked which chunks
  are there. So after a collection the commit fails, what is remembered about chunks is forgotten,
  and the chunks that have gone are written again.
- Every commit of a manifest changes the head of its run, or makes a new one and changes *created*.
  Every collection is guarded by all heads and by *created*, read before the manifests. So it fails
  when a manifest was committed that it has not seen, and looks again.

Both need nothing of a store but guarded batches, and hold for threads, processes and machines. A
process that is killed leaves no mark behind. The price: a commit reads one more key; a collection
costs each writer one more look at the chunks of its next snapshot.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, TypeVar

from pforge_lab.errors import StateConflict

if TYPE_CHECKING:
    from collections.abc import Callable

GENERATION = "pforge/chunks/generation"
CREATED = "pforge/chunks/created"

T = TypeVar("T")


class ChunksCollected(StateConflict):
    """Chunks were collected since it was looked which are there; nothing was written."""


class ChunksWritten(StateConflict):
    """Somebody else has written chunks that are queued here as differences; nothing was written."""


def token() -> bytes:
    """Return a value that the key of a generation never had."""
    return secrets.token_hex(8).encode()


def until_kept(keep: Callable[[], T], forget: Callable[[], None] = lambda: None) -> T:
    """Keep a snapshot, again whenever a collection came in between, and return what ``keep`` returns.

    Parameters
    ----------
    keep
        Writes the chunks and commits the manifest.
    forget
        Forgets which chunks are there.

    Examples
    --------
    >>> attempts = []
    >>> def keep():
    ...     attempts.append(1)
    ...     if len(attempts) < 3:
    ...         raise ChunksCollected("collected")
    ...     return len(attempts)
    >>> until_kept(keep)
    3
    """
    while True:
        try:
            return keep()
        except ChunksCollected:  # somebody else has got on with a collection: no two can wait for each other
            forget()
