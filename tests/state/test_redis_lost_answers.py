"""A Redis server whose answer is lost on its way: nothing is done twice, and what is not known is said."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from pforge_lab.errors import OutcomeUnknown, StateError
from pforge_lab.state import open_state


class Line:
    """A way to a server, by a unix socket of its own, that loses the next answer when it is told to."""

    def __init__(self, target: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "line"
        self.lose = threading.Event()
        self._target = target
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            for source, target, answers in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pass_on, args=(source, target, answers), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError), source, target:  # the other direction has closed them
            while data := source.recv(1 << 16):
                if answers and self.lose.is_set():
                    self.lose.clear()
                    source.shutdown(socket.SHUT_RDWR)
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(data)

    def close(self) -> None:
        """Let nobody in any more."""
        self._listening.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def line(redis_url):
    line = Line(redis_url.removeprefix("unix://"))
    yield line
    line.close()


@pytest.fixture
def state(line, tmp_path):
    with open_state(f"unix://{line.path}", namespace=f"{tmp_path}:") as state:
        yield state


def test_an_increment_is_counted_once(line, state):
    state.increment("n")
    line.lose.set()
    with pytest.raises(OutcomeUnknown, match="not known whether this was stored: read it again"):
        state.increment("n")
    assert state.get("n") == b"2"


@pytest.mark.parametrize("count", [1, 3])
def test_a_write_says_that_its_outcome_is_unknown(line, state, count):
    line.lose.set()
    with pytest.raises(OutcomeUnknown):
        state.set_many(dict.fromkeys("abc"[:count], b"v"))
    assert len(state.keys()) == count


def test_an_awaited_increment_is_counted_once(line, state):
    async def main():
        await state.aio.increment("n")
        line.lose.set()
        with pytest.raises(OutcomeUnknown):
            await state.aio.increment("n")
        return await state.aio.get("n")

    assert asyncio.run(main()) == b"2"


def test_a_read_only_says_that_the_server_cannot_be_used(line, state):
    line.lose.set()
    with pytest.raises(StateError, match="cannot be used") as caught:
        state.get("a")
    assert not isinstance(caught.value, OutcomeUnknown)
    assert state.get("a") is None


def test_a_write_that_reached_nobody_is_known_not_to_be_stored(line, state):
    state._server.connection_pool.disconnect()
    line.close()
    line.folder.mkdir()
    with pytest.raises(StateError, match="cannot be used") as caught:
        state.set("a", b"v")
    assert not isinstance(caught.value, OutcomeUnknown)
