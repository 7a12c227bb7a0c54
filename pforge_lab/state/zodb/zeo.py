"""A ZODB file that one process keeps open for all others of a machine."""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZEO.StorageServer import StorageServer
from ZODB.POSException import ConflictError

from pforge_lab.errors import StateError, UsageError
from pforge_lab.state.zodb.durable import replace_private
from pforge_lab.state.zodb.faults import named
from pforge_lab.state.zodb.objects import ObjectStateManager
from pforge_lab.state.zodb.storage import bytes_on_disk, side_file
from pforge_lab.state.zodb.writing import Durability, WritingStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pforge_lab.state.handle import Mode

_PATIENCE = 10  # seconds that a server may take to answer at first


class StateServer:
    """Serve a ZODB file to the processes of this user on this machine.

    The server listens on a unix socket that only its user can open, and nowhere else: ZEO
    executes code that it is sent before it asks who sends it.

    Parameters
    ----------
    path
        The file; it is locked against other writers while it is served.
    socket_path
        The socket; by default the file's name ending in ``.sock``. The system allows about
        100 bytes for it.
    durability
        As for the store in a file.

    Attributes
    ----------
    url
        What clients open.

    Raises
    ------
    StateLocked
        If another process has the file open for writing.
    UsageError
        If there is something else at ``socket_path``, or this platform has no unix sockets.

    Examples
    --------
    >>> import tempfile, threading
    >>> from pforge_lab.state import open_state
    >>> folder = tempfile.TemporaryDirectory()
    >>> server = StateServer(f"{folder.name}/lab.fs")
    >>> serving = threading.Thread(target=server.serve)  # mostly in a process of its own
    >>> serving.start()
    >>> with open_state(server.url) as state:
    ...     state.increment("hits")
    1
    >>> server.close()
    >>> serving.join()
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        socket_path: str | os.PathLike[str] | None = None,
        *,
        durability: Durability = "commit",
    ) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise UsageError(
                "this platform has no unix sockets; let processes share a store with 'sqlite:PATH' instead"
            )
        self.path = Path(os.path.realpath(path))
        self.socket = Path(os.path.realpath(socket_path)) if socket_path else self.path.with_suffix(".sock")
        self.url = f"zeo:{self.socket}"
        with named(f"zodb:{self.path}"):
            self._storage = WritingStorage(self.path, f"zodb:{self.path}", durability=durability)
            try:
                self._server = self._listen()
            except BaseException:
                self._storage.close()
                raise

    def serve(self) -> None:
        """Answer clients until the process is interrupted."""
        self._server.loop()

    def close(self) -> None:
        """End all connections and close the file."""
        self._server.close()
        self.socket.unlink(missing_ok=True)
        side_file(self.socket, ".store").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _listen(self) -> StorageServer:
        if self.socket.exists() and not self.socket.is_socket():
            raise UsageError(f"{self.socket} exists and is no socket; give another path for it")
        self.socket.unlink(
            missing_ok=True
        )  # left by a server that was killed: the file is ours, so it no longer runs
        replace_private(side_file(self.socket, ".store"), os.fsencode(self.path))
        before = os.umask(0o177)
        try:
            return StorageServer(str(self.socket), {"1": self._storage})
        finally:
            os.umask(before)


class UnmergedClient(ClientStorage):  # type: ignore[misc] # ZEO has no types
    """A connection to a server that never merges two changes of one record."""

    def tryToResolveConflict(self, oid: bytes, *serials: Any) -> bytes:  # noqa: N802 - ZODB's name
        """Refuse."""
        raise ConflictError(oid=oid, serials=serials[:2])

    def notify_connected(self, conn: Any, info: Any) -> None:
        """Forget ids of objects that the server of before gave out: the one of now gives them to others."""
        self._oids: list[bytes] = []
        super().notify_connected(conn, info)


class ZEOStateManager(ObjectStateManager):
    """A store in a ZODB file that ``StateServer`` keeps open, for the processes of one user.

    Durability, checksums and recovery are those of the store in a file. Large values pass
    through the file system and not through the server. Each read asks the server whether
    something was committed.

    Parameters
    ----------
    url
        ``zeo:SOCKET``.
    mode, ttl, clock
        As for every store; ``ttl`` is in seconds or a timedelta.
    cache_size
        Objects that each thread keeps in memory.

    Raises
    ------
    StateError
        If no server answers there.
    UsageError
        If the URL names a host: only unix sockets are allowed.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> with open_state(zeo_url) as state:  # such as zeo:lab.sock, after: pforge-lab state serve lab.fs
    ...     state.set("example", b"hello", ttl=60)
    ...     state.get("example"), state.delete("example")
    (b'hello', True)
    """

    def __init__(
        self,
        url: str,
        *,
        mode: Mode = "w",
        cache_size: int = 50_000,
        ttl: float | timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(url, mode=mode, alone=False, cache_size=cache_size, ttl=ttl, clock=clock)
        self.socket = Path(url.removeprefix("zeo:"))
        with named(self.url):
            storage = self._connect()
            try:
                self._start(storage, Path(storage.temporaryDirectory()))
            except BaseException:
                storage.close()
                raise

    @classmethod
    def canonical_url(cls, _scheme: str, rest: str) -> str:
        """Return the URL with the real, absolute path of the socket."""
        if rest.startswith("//") or re.fullmatch(r"[^/\\]*:\d+", rest):
            raise UsageError(
                f"'zeo:{rest}' names a host, and ZEO executes what it is sent before it asks who sends it; "
                "use a unix socket, 'zeo:PATH', or a server made for networks, 'postgresql://…' or 'redis://…'"
            )
        return f"zeo:{os.path.realpath(Path(rest).expanduser())}"

    @classmethod
    def open(cls, url: str, mode: Mode, **options: Any) -> Self:
        """Connect to the server of a canonical URL."""
        return cls(url, mode=mode, **options)

    def _connect(self) -> UnmergedClient:
        note = side_file(self.socket, ".store")
        if not self.socket.is_socket() or not note.exists():
            raise StateError(
                f"no server listens on {self.socket}; start it with: pforge-lab state serve PATH",
                url=self.url,
            )
        store = self._served()
        try:
            return UnmergedClient(
                str(self.socket),
                wait_timeout=_PATIENCE,
                read_only=self.mode == "r",
                blob_dir=str(side_file(store, ".blobs")),
                shared_blob_dir=True,
                server_sync=True,
            )
        except ClientDisconnected as error:
            raise StateError(
                f"the server of {self.url} does not answer; start it again with: pforge-lab state serve {store}",
                url=self.url,
            ) from error

    def _served(self) -> Path:
        """Return the file that the server keeps open."""
        return Path(os.fsdecode(side_file(self.socket, ".store").read_bytes()))

    def _behind(self) -> bool:
        return True

    def _follow(self) -> None:
        """Do nothing: a view's next transaction begins with a question to the server."""

    def _file_bytes(self) -> int:
        return bytes_on_disk(self._served())

    def _compact(self) -> None:
        self._check_process()
        with named(self.url):
            self._db.pack()
        self._publish()
