"""The backends that the contract runs on, and a clock that tests move."""

from __future__ import annotations

import atexit
import functools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pforge_lab.errors import StateError
from pforge_lab.state import CachedStateManager, MemoryStateManager, open_state
from tests.programs import need

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.state import StateManager


@functools.cache
def postgresql() -> str:
    """Start a PostgreSQL server for all tests, reachable by a unix socket; return the URL of its database."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    shutil.chown(folder, "postgres") if os.geteuid() == 0 else None
    options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        options["user"] = "postgres"
    subprocess.run(
        [need("initdb"), "-D", folder / "data", "-U", "postgres", "-A", "trust"], check=True, **options
    )
    server = subprocess.Popen(
        [need("postgres"), "-D", folder / "data", "-k", folder, "-h", "", "-F"], **options
    )
    atexit.register(lambda: (server.terminate(), server.wait(), shutil.rmtree(folder)))
    return wait_for(f"postgresql:///postgres?host={folder}&user=postgres")


@functools.cache
def redis_server() -> str:
    """Start a Redis server for all tests, reachable by a unix socket; return its URL."""
    program = need("redis-server")
    folder = Path(tempfile.mkdtemp(prefix="redis"))
    socket = folder / "socket"
    command = [
        program,
        "--port",
        "0",
        "--unixsocket",
        socket,
        "--unixsocketperm",
        "600",
        "--save",
        "",
        "--dir",
        folder,
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    atexit.register(lambda: (server.terminate(), server.wait(), shutil.rmtree(folder)))
    return wait_for(f"unix://{socket}")


@functools.cache
def zeo_server() -> str:
    """Start a server of a ZODB file for all tests; return its URL."""
    folder = Path(tempfile.mkdtemp(prefix="zeo"))
    server = Process()
    server.run("import signal, threading; from pforge_lab.state.zodb.zeo import StateServer")
    server.run(f"server = StateServer({str(folder / 'lab.fs')!r})")
    server.send("server.serve()")
    atexit.register(lambda: (server.kill(), shutil.rmtree(folder)))
    return wait_for(f"zeo:{folder / 'lab.sock'}")


def wait_for(url: str) -> str:
    """Return ``url`` when its server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            open_state(url).close()
        except StateError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return url


servers: dict[str, Callable[[], str]] = {"postgresql": postgresql, "redis": redis_server, "zeo": zeo_server}


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


@pytest.fixture(params=sorted(BACKENDS))
def make_backend(request):
    """Return a function that makes each kind of store in turn, in the folder it is given."""
    return BACKENDS[request.param]


@pytest.fixture
def redis_url():
    """Return the URL of a server of this session."""
    return servers["redis"]()


@pytest.fixture(params=["postgresql", "redis", "sqlite", "zeo"])
def shared_backend(request, tmp_path):
    """Return each kind of store that several processes write to."""
    backend = BACKENDS[request.param](tmp_path)
    yield backend
    backend.close()


@pytest.fixture
def backend(make_backend, tmp_path):
    """Return each kind of store in turn."""
    backend = make_backend(tmp_path)
    yield backend
    backend.close()


@pytest.fixture
def state(backend):
    """Return an open, empty store of each kind."""
    return backend.open()


@pytest.fixture
def clock(backend):
    """Return the clock of the store."""
    return backend.clock


@pytest.fixture
def in_threads():
    """Return a function that runs another in many threads at the same moment and returns what they returned."""

    def run(count: int, work: Callable[[int], Any]) -> list[Any]:
        barrier = threading.Barrier(count)
        results: list[Any] = [None] * count
        errors: list[BaseException] = []

        def body(number: int) -> None:
            barrier.wait()
            try:
                results[number] = work(number)
            except BaseException as error:  # noqa: BLE001 - reported below, in the test's own thread
                errors.append(error)

        threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results

    return run


class Process:
    """Another Python, which runs the code it is given; it stands for another kernel."""

    PROGRAM = """
import json, sys
from pforge_lab.state import open_state
for line in sys.stdin:
    exec(json.loads(line))
    print("done", flush=True)
"""

    def __init__(self) -> None:
        environment = os.environ | {"JPY_SESSION_NAME": "/work/day.ipynb"}
        command = [sys.executable, "-c", self.PROGRAM]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.pid = self._process.pid

    def send(self, code: str) -> None:
        """Let it run ``code`` and do not wait."""
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait until the code it was sent has been run."""
        assert self._process.stdout.readline() == "done\n"

    def run(self, code: str) -> None:
        """Let it run ``code`` and wait."""
        self.send(code)
        self.wait()

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        """Let it end."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="session")
def other_process():
    """Return another process that all tests share."""
    process = Process()
    yield process
    process.end()


@pytest.fixture(scope="session")
def processes():
    """Return four other processes that all tests share."""
    started = [Process() for _ in range(4)]
    yield started
    for process in started:
        process.end()


@pytest.fixture
def start_process():
    """Return a function that starts another process for this test alone."""
    return Process
