"""The backends that the contract runs on, threads and other processes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.state.backends import BACKENDS
from tests.state.process import Process
from tests.state.servers import servers

if TYPE_CHECKING:
    from collections.abc import Callable


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


@pytest.fixture
def path(tmp_path):
    """Return where the store of this test is."""
    return tmp_path / "lab.fs"


@pytest.fixture
def elsewhere(path, other_process):
    """Return a function that runs a line in another process, which has the store open for writing as ``state``."""
    other_process.run(f"state = open_state({str(path)!r})")
    yield other_process.run
    other_process.run("state.close()")
