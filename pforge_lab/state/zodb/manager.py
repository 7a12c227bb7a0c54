"""The store in a ZODB file."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pforge_lab.errors import StateError, StateFull, WrongValue
from pforge_lab.state.files import file_url
from pforge_lab.state.zodb.compaction import CompactionPolicy, check_room
from pforge_lab.state.zodb.faults import named
from pforge_lab.state.zodb.following import FollowingStorage
from pforge_lab.state.zodb.objects import ObjectStateManager
from pforge_lab.state.zodb.storage import CheckedStorage, bytes_on_disk
from pforge_lab.state.zodb.writing import Durability, WritingStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pforge_lab.state.handle import Mode
    from pforge_lab.state.recovery import Recovery

logger = logging.getLogger("pforge_lab.state")


class ZODBStateManager(ObjectStateManager):
    """A store in a file, for one process that writes and any number that read.

    What is acknowledged survives a killed process and a power cut; what is damaged raises
    ``StateCorrupt`` when it is read, and is never returned. Small values lie in the tree,
    values over 512 bytes in records of their own, values over 1 MiB in files of their own.

    Parameters
    ----------
    path
        The file. Side files and a ``.blobs`` folder stand beside it, all for the owner only.
    mode
        ``"w"``, or ``"r"`` to read beside a process that writes: its commits are seen by the
        next call after they are acknowledged.
    durability
        ``"commit"``: acknowledged means on the disk; about one sync of the disk per commit,
        which concurrent threads share. ``"relaxed"``: many times faster; a killed process
        still loses nothing, a power cut may take the last seconds.
    recover
        Open a file that has lost what was acknowledged, keeping what comes before the
        damage. ``recovery`` says what became of it, and it is warned about.
    compact
        ``"auto"`` compacts in the background when the file has grown to four times its
        compacted size and over 64 MB, and when it is closed; ``"never"`` leaves it to ``compact()``.
    cache_size
        Objects that each thread keeps in memory.
    ttl, clock
        As for every store; ``ttl`` is in seconds or a timedelta.

    Attributes
    ----------
    path
        The file.
    recovery
        What was put right when the file was opened, or None.

    Raises
    ------
    StateLocked
        If another process has it open for writing.
    StateCorrupt
        If it is damaged or not ours.
    StateError
        If it is a folder, or there is none and ``mode="r"`` creates nothing.
    WrongValue
        For a ``durability`` or ``compact`` that is none.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with ZODBStateManager(Path(folder.name, "lab.fs")) as state:
    ...     state.set("k", b"v")
    >>> with ZODBStateManager(Path(folder.name, "lab.fs"), mode="r") as state:
    ...     state.get("k")
    b'v'
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Mode = "w",
        durability: Durability = "commit",
        recover: bool = False,
        compact: str = "auto",
        cache_size: int = 50_000,
        ttl: float | timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(os.path.realpath(path))
        super().__init__(
            f"zodb:{self.path}", mode=mode, alone=mode == "w", cache_size=cache_size, ttl=ttl, clock=clock
        )
        _check_choice("durability", durability, "commit", "relaxed")
        _check_choice("compact", compact, "auto", "never")
        self._auto = compact == "auto"
        self._policy = CompactionPolicy()
        self._compacting = threading.Lock()
        self._background: threading.Thread | None = None
        self.recovery: Recovery | None = None
        with named(self.url):
            storage = self._open_storage(durability, recover=recover)
        try:
            self._start(storage, Path(storage.temporaryDirectory()))
            self.recovery = getattr(storage, "recovery", None)
            if self.recovery is not None:
                self.recovery.report()
        except BaseException:
            storage.close()
            raise

    @classmethod
    def canonical_url(cls, _scheme: str, rest: str) -> str:
        """Return the URL with the real, absolute path."""
        return file_url("zodb", rest)

    @classmethod
    def open(cls, url: str, mode: Mode, **options: Any) -> Self:
        """Open the file of a canonical URL."""
        return cls(url.removeprefix("zodb:"), mode=mode, **options)

    def _open_storage(self, durability: Durability, *, recover: bool) -> CheckedStorage:
        if self.path.is_dir():
            raise StateError(
                f"{self.path} is a folder; give the path of a file in it, such as {self.path / 'lab.fs'}",
                url=self.url,
            )
        if self.mode == "r":
            return FollowingStorage(self.path, self.url)
        return WritingStorage(self.path, self.url, durability=durability, recover=recover, shared=False)

    def _wait_for_disk(self, wait: bool) -> None:
        self._storage.waits = wait

    def _behind(self) -> bool:
        return isinstance(self._storage, FollowingStorage) and self._storage.moved()

    def _follow(self) -> None:
        if isinstance(self._storage, FollowingStorage):
            self._storage.follow()

    # -- files

    def _file_bytes(self) -> int:
        return bytes_on_disk(self.path)

    def _compact(self) -> None:
        self._check_process()
        with self._compacting, named(self.url):
            check_room(self.path, self._storage.getSize(), self.url)
            self._db.pack(time.time() + 1)
            self._policy.dead = 0
            self._publish()

    def _count_dead(self, size: int) -> None:
        self._policy.count_dead(size)

    def _due(self, *, closing: bool = False) -> bool:
        storage = self._storage
        return self._auto and self._policy.due(size=storage.getSize(), packed=storage.packed, closing=closing)

    def _care(self) -> None:
        if self._background is None and self._due():
            self._background = threading.Thread(
                target=self._compact_quietly, name=f"compact {self.path.name}", daemon=True
            )
            self._background.start()

    def _last_care(self) -> None:
        if self._background is not None:
            self._background.join()
        if self._due(closing=True):
            self._compact_quietly()

    def _compact_quietly(self) -> None:
        """Compact without being asked: a reason not to is logged, the store goes on as it is."""
        try:
            self._compact()
        except StateFull as error:
            logger.warning("%s", error)
            self._auto = False
        except StateError:
            logger.exception("%s could not be compacted", self.path)
            self._auto = False
        finally:
            self._background = None


def _check_choice(name: str, value: str, *choices: str) -> None:
    if value not in choices:
        raise WrongValue(f"{name} is {' or '.join(map(repr, choices))}, not {value!r}")
