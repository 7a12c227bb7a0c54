"""The kinds of stores that the contract runs on, and the clocks that tests move."""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pforge_lab.state import CachedStateManager, MemoryStateManager, open_state
from tests.state.servers import servers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pforge_lab.state import StateManager


class Clock:
    """The time of a test: it moves when the test says so."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Backend:
    """One kind of store, opened afresh for each test."""

    name: str
    place: Path
    persistent: bool = False
    shared: bool = False
    coarse: bool = False  # its time runs by itself, so that tests keep away from the last moment
    clock: Clock = field(default_factory=Clock)
    opened: list[StateManager] = field(default_factory=list)

    def open(self, **options: Any) -> StateManager:
        """Open the store of this test, with the test's clock."""
        state = self._open(**({"clock": self.clock} | options))
        self.opened.append(state)
        return state

    def _open(self, **options: Any) -> StateManager:
        raise NotImplementedError

    @property
    def url(self) -> str:
        """What another process opens."""
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the store."""
        self.clock.now += seconds

    def crash(self, state: StateManager) -> StateManager:
        """Return the store as it is found after its process was killed just now."""
        copy = self.place.with_name(self.place.name + "+")
        shutil.copytree(self.place, copy)
        state.close()
        shutil.rmtree(self.place)
        self.place = copy
        return self.open()

    def close(self) -> None:
        """Close what the test left open."""
        for state in self.opened:
            while not state.closed:
                state.close()
        if self.place.name.endswith("+"):
            shutil.rmtree(self.place)


class Memory(Backend):
    """The store in memory."""

    def _open(self, **options: Any) -> StateManager:
        return MemoryStateManager(**options)


class File(Backend):
    """The store in a ZODB file."""

    def _open(self, **options: Any) -> StateManager:
        return open_state(self.place / "lab.fs", **options)


class Cached(Backend):
    """A ZODB file behind a cache."""

    def _open(self, **options: Any) -> StateManager:
        return CachedStateManager(open_state(self.place / "lab.fs", **options), ttl=1000)


class SQLite(Backend):
    """The store in SQLite databases."""

    def _open(self, **options: Any) -> StateManager:
        return open_state(self.url, **options)

    @property
    def url(self) -> str:
        """What another process opens."""
        return f"sqlite:{self.place / 'lab.db'}"


class Server(Backend):
    """A store on a server that the tests share: each test finds it empty."""

    def __init__(self, name: str, place: Path, url: str) -> None:
        super().__init__(name, place, persistent=True, shared=True)
        self._url = url
        with open_state(url, clock=lambda: 0.0) as state, state.batch() as batch:  # nothing has expired at 0
            left = state.keys()
            for key in left:
                batch.delete(key)

    def _open(self, **options: Any) -> StateManager:
        return open_state(self._url, **options)

    @property
    def url(self) -> str:
        """What another process opens."""
        return self._url

    def crash(self, state: StateManager) -> StateManager:
        """Return the store as it is found: the server has not crashed."""
        state.close()
        return self.open()


class ServerClock(Clock):
    """The time of a server that has its own: to move it, what is left of every key is shortened."""

    MOVE = """
for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key)
    if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end
end
"""

    def __init__(self, url: str) -> None:
        self.url = url
        self.moved = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self.moved

    @property
    def now(self) -> float:
        """The time, which runs by itself too."""
        return self()

    @now.setter
    def now(self, moment: float) -> None:
        import redis

        seconds = moment - self()
        self.moved += seconds
        with redis.Redis.from_url(self.url) as server:
            server.eval(self.MOVE, 0, math.ceil(seconds * 1000))


class Redis(Server):
    """The store on a Redis server."""

    def __init__(self, name: str, place: Path, url: str) -> None:
        super().__init__(name, place, url)
        self.coarse = True
        self.clock = ServerClock(url)


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "cached": lambda place: Cached("cached", place, persistent=True),
    "memory": lambda place: Memory("memory", place),
    "postgresql": lambda place: Server("postgresql", place, servers["postgresql"]()),
    "redis": lambda place: Redis("redis", place, servers["redis"]()),
    "sqlite": lambda place: SQLite("sqlite", place, persistent=True, shared=True),
    "zeo": lambda place: Server("zeo", place, servers["zeo"]()),
    "zodb": lambda place: File("zodb", place, persistent=True),
}
