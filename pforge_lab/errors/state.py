"""Errors of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.errors.base import PforgeError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class StateError(PforgeError):
    """A store cannot do what was asked.

    Examples
    --------
    >>> error = StateError("redis://lab cannot be reached", url="redis://lab")
    >>> error.url
    'redis://lab'
    """

    url: str | None = None
    key: str | None = None


class StateLocked(StateError):
    """Another process has the store open for writing.

    Examples
    --------
    >>> error = StateLocked("lab.fs is in use by process 42", pid=42)
    >>> error.pid, error.notebook
    (42, None)
    """

    path: Path | None = None
    pid: int | None = None
    since: datetime | None = None
    notebook: str | None = None


class StateCorrupt(StateError):
    """The store is damaged, truncated, or is not one of ours. Nothing was written.

    Examples
    --------
    >>> import pathlib, tempfile, pforge_lab as pf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "lab.fs")
    ...     size = path.write_bytes(b"hello" * 100)
    ...     pf.open_state(path)
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateCorrupt: ... is no ZODB file (it begins with b'hell'); nothing was written, give another path
    """


class StateClosed(StateError, ValueError):
    """The store was used after ``close()``.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> state = pf.open_state("memory:closed")
    >>> state.close()
    >>> state.get("k")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateClosed: memory:closed is closed; open it again with open_state('memory:closed')
    """


class StateReadOnly(StateError):
    """The store was opened with ``mode="r"`` and cannot be written to.

    Examples
    --------
    >>> import tempfile, pforge_lab as pf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pf.open_state(f"{folder}/lab.fs").close()
    ...     with pf.open_state(f"{folder}/lab.fs", mode="r") as reader:
    ...         reader.set("k", b"v")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateReadOnly: ... is open with mode='r'; open it with mode='w' to write
    """


class StateConflict(StateError):
    """The guard of a batch no longer matches, so nothing of the batch was written.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> state = pf.open_state("memory:")
    >>> try:
    ...     with state.batch(guard={"k": b"what I read"}) as batch:
    ...         batch.set("k", b"what I make of it")
    ... except pf.StateConflict as error:
    ...     error.keys
    ('k',)
    """

    keys: tuple[str, ...] = ()


class StateFull(StateError):
    """The disk, a quota or a size limit is reached. What was stored before stands.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> MemoryStateManager(max_bytes=100).set("k", bytes(200))
    Traceback (most recent call last):
        ...
    pforge_lab.errors.StateFull: ...
    """


class OutcomeUnknown(StateError):
    """The store failed after all had agreed to commit: what was to be stored may be there, or may not.

    It was not tried again, because it could then be stored twice: read before you write again.

    Examples
    --------
    >>> issubclass(OutcomeUnknown, StateError)
    True
    """
