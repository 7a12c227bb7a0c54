"""The backends that the contract runs on, and a clock that tests move."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pforge_lab.state import CachedStateManager, MemoryStateManager, open_state

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
    clock: Clock = field(default_factory=Clock)
    opened: list[StateManager] = field(default_factory=list)

    def open(self, **options: Any) -> StateManager:
        """Open the store of this test, with the test's clock."""
        state = self._open(**({"clock": self.clock} | options))
        self.opened.append(state)
        return state

    def _open(self, **options: Any) -> StateManager:
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


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "cached": lambda place: Cached("cached", place, persistent=True),
    "memory": lambda place: Memory("memory", place),
    "zodb": lambda place: File("zodb", place, persistent=True),
}


@pytest.fixture(params=sorted(BACKENDS))
def make_backend(request):
    """Return a function that makes each kind of store in turn, in the folder it is given."""
    return BACKENDS[request.param]


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
    """Another Python, which runs the lines it is given; it stands for another kernel."""

    PROGRAM = """
import sys
from pforge_lab.state import open_state
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""

    def __init__(self) -> None:
        environment = os.environ | {"JPY_SESSION_NAME": "/work/day.ipynb"}
        command = [sys.executable, "-c", self.PROGRAM]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.pid = self._process.pid

    def send(self, line: str) -> None:
        """Let it run ``line`` and do not wait."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait until the line it was sent has been run."""
        assert self._process.stdout.readline() == "done\n"

    def run(self, line: str) -> None:
        """Let it run ``line`` and wait."""
        self.send(line)
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


@pytest.fixture
def start_process():
    """Return a function that starts another process for this test alone."""
    return Process
