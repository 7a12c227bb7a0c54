"""The server of a ZODB file: for this user on this machine, and for nobody else."""

from __future__ import annotations

import stat

import pytest

from pforge_lab.errors import StateError, StateLocked, UsageError
from pforge_lab.state import open_state


@pytest.fixture
def serve(tmp_path, start_process):
    """Return a function that starts a server of this test's file in another process."""
    started = []

    def start():
        process = start_process()
        process.run("from pforge_lab.state.zodb.zeo import StateServer")
        process.run(f"server = StateServer({str(tmp_path / 'lab.fs')!r})")
        process.send("server.serve()")
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.mark.parametrize("url", ["zeo:localhost:8100", "zeo://localhost:8100", "zeo::8100"])
def test_hosts_are_refused_with_the_reason(url):
    with pytest.raises(UsageError, match="before it asks who sends it; use a unix socket"):
        open_state(url)


def test_without_a_server_the_error_says_how_to_start_one(tmp_path):
    with pytest.raises(StateError, match="pforge-lab state serve"):
        open_state(f"zeo:{tmp_path / 'lab.sock'}")


def test_the_socket_is_for_its_owner_only_and_the_file_is_locked(tmp_path, serve):
    server = serve()
    with open_state(f"zeo:{tmp_path / 'lab.sock'}") as state:
        state.set("k", b"v")
        assert stat.S_IMODE((tmp_path / "lab.sock").stat().st_mode) == 0o600
        with pytest.raises(StateLocked) as caught:
            open_state(tmp_path / "lab.fs")
        assert caught.value.pid == server.pid


def test_a_killed_server_loses_nothing_and_can_be_started_again(tmp_path, serve):
    url = f"zeo:{tmp_path / 'lab.sock'}"
    server = serve()
    with open_state(url) as state:
        state.set_many({"small": b"1", "large": b"2" * 2_000_000})
    server.kill()
    serve()
    with open_state(url) as state:
        assert state.get("small") == b"1"
        assert state.get("large") == b"2" * 2_000_000
        assert state.get_buffer("large").nbytes == 2_000_000


def test_who_stayed_while_the_server_was_killed_stores_on_beside_others(tmp_path, serve):
    import contextlib
    import time

    def store(state, name):
        """Store new records until the server takes them."""
        deadline = time.monotonic() + 60
        for number in range(30):
            while True:
                with contextlib.suppress(StateError):
                    state.set(f"{name}/{number}", name.encode() * 1000)
                    break
                assert time.monotonic() < deadline

    url = f"zeo:{tmp_path / 'lab.sock'}"
    server = serve()
    with open_state(url) as state:
        state.set("first", b"1" * 1000)
        server.kill()
        serve()
        with type(state).open(state.url, "w") as other:
            store(other, "other")
            store(state, "state")
            store(other, "again")
            for name in ("other", "state", "again"):
                assert state.get(f"{name}/29") == name.encode() * 1000


def test_something_else_in_the_place_of_the_socket_is_left_alone(tmp_path):
    from pforge_lab.state.zodb.zeo import StateServer

    (tmp_path / "lab.sock").write_bytes(b"mine")
    with pytest.raises(UsageError, match="is no socket"):
        StateServer(tmp_path / "lab.fs")
    assert (tmp_path / "lab.sock").read_bytes() == b"mine"
    open_state(tmp_path / "lab.fs").close()
