"""Stores on a Redis server beside the same server used directly, by a unix socket; print rates and ratios.

Run with ``python -m tests.benchmarks.servers``. Used directly, a batch is a pipeline of MULTI and EXEC, which is
what a store does too: the ratio is what checks, keys under a namespace and errors with names cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio

from pforge_lab.errors import StateError
from pforge_lab.state import open_state
from tests.benchmarks.state import (
    VALUES,
    batches,
    filled,
    gets,
    in_threads,
    interleaved,
    keys,
    one_by_one,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Direct:
    """The client of a server with the names of a store."""

    def __init__(self, socket: Path) -> None:
        self.client = redis.Redis(unix_socket_path=str(socket))
        self.get = self.client.get
        self.set = self.client.set
        self.increment = self.client.incr
        self.close = self.client.close

    def set_many(self, mapping: dict[str, bytes]) -> None:
        """Store in one transaction."""
        with self.client.pipeline(transaction=True) as pipeline:
            for key, value in mapping.items():
                pipeline.set(key, value)
            pipeline.execute()

    def get_many(self, names: list[str]) -> list[bytes | None]:
        """Return the values."""
        found: list[bytes | None] = self.client.mget(names)
        return found


@contextlib.contextmanager
def served(*options: str) -> Iterator[Path]:
    """Yield the socket of a server of its own."""
    program = shutil.which("redis-server") or ""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        socket = Path(tempfile.mkdtemp()) / "socket"
        where = [
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--dir",
            str(Path(folder).resolve()),
            "--save",
            "",
        ]
        with subprocess.Popen([program, *where, *options], stdout=subprocess.DEVNULL) as server:
            while True:
                with contextlib.suppress(StateError):
                    open_state(f"unix://{socket}").close()
                    break
                time.sleep(0.01)
            try:
                yield socket
            finally:
                server.terminate()
        shutil.rmtree(socket.parent)


def peers(socket: Path) -> dict[str, Callable[[Path], Any]]:
    """Return a store on the server, and the server itself."""
    return {"pforge redis:": lambda _: open_state(f"unix://{socket}"), "redis": lambda _: Direct(socket)}


def increments(peer: Any) -> None:
    """Count to 2,000."""
    for _ in range(2000):
        peer.increment("n")


def gets_by_the_thousand(peer: Any) -> None:
    """Read all keys, a thousand per call."""
    names = keys(shuffled=True)
    for start in range(0, len(names), 1000):
        peer.get_many(names[start : start + 1000])


def tasks(socket: Path) -> dict[str, float]:
    """Return the rate of 16 tasks of an event loop that store one value after the other, by each client."""

    async def rate(store: Callable[[str, bytes], Any]) -> float:
        async def work() -> None:
            for number in range(200):
                await store(f"key/{number:06}", VALUES[number])

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(16)))
        return 16 * 200 / (time.perf_counter() - started)

    async def main() -> dict[str, float]:
        direct = redis.asyncio.Redis(unix_socket_path=str(socket), max_connections=16)
        rates: dict[str, list[float]] = {"pforge redis:": [], "redis": []}
        async with open_state(f"unix://{socket}").aio as aio:
            for _ in range(5):
                rates["pforge redis:"].append(await rate(aio.set))
                rates["redis"].append(await rate(direct.set))
        await direct.aclose()
        return {name: sorted(each)[2] for name, each in rates.items()}

    return asyncio.run(main())


def main() -> None:
    """Print everything."""
    if shutil.which("redis-server") is None:
        print("redis-server is not installed; `make system` installs it")
        return
    with served() as socket:
        show("redis, set", interleaved(peers(socket), 2000, one_by_one(2000)), {})
        show("redis, set, 16 threads", interleaved(peers(socket), 800, in_threads), {})
        show("redis, set, 16 tasks", tasks(socket), {})
        show(
            "redis, batches of 1,000",
            interleaved(peers(socket), len(keys(shuffled=False)), batches(shuffled=False)),
            {},
        )
        show("redis, get", interleaved(peers(socket), len(keys(shuffled=False)), gets, filled), {})
        show(
            "redis, get_many of 1,000",
            interleaved(peers(socket), len(keys(shuffled=False)), gets_by_the_thousand, filled),
            {},
        )
        show("redis, increment", interleaved(peers(socket), 2000, increments), {})
    with served("--appendonly", "yes", "--appendfsync", "always") as socket:
        show("redis, set, synced per command", interleaved(peers(socket), 200, one_by_one(200)), {})


if __name__ == "__main__":
    main()
