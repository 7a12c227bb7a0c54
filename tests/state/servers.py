"""The servers that stores lie on, started once for all tests."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateError
from pforge_lab.state import open_state
from tests.programs import need
from tests.state.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable


def start_postgresql(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a PostgreSQL server whose files are in ``folder``; return it and the URL of its database."""
    options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        options["user"] = "postgres"
    data = folder / "data"
    if not data.exists():
        subprocess.run([need("initdb"), "-D", data, "-U", "postgres", "-A", "trust"], check=True, **options)
    server = subprocess.Popen([need("postgres"), "-D", data, "-k", folder, "-h", "", "-F"], **options)
    return server, f"postgresql:///postgres?host={folder}&user=postgres"


def start_redis(folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start a Redis server whose files are in ``folder``; return it and its URL."""
    socket = folder / "socket"
    where = ["--port", "0", "--unixsocket", socket, "--unixsocketperm", "600", "--dir", folder]
    server = subprocess.Popen(
        [need("redis-server"), *where, "--save", "", *options], stdout=subprocess.DEVNULL
    )
    return server, f"unix://{socket}"


@functools.cache
def postgresql() -> str:
    """Start a PostgreSQL server for all tests, reachable by a unix socket; return the URL of its database."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server, url = start_postgresql(folder)
    atexit.register(lambda: (server.terminate(), server.wait(), shutil.rmtree(folder)))
    return wait_for(url)


@functools.cache
def redis_server() -> str:
    """Start a Redis server for all tests, reachable by a unix socket; return its URL."""
    need("redis-server")
    folder = Path(tempfile.mkdtemp(prefix="redis"))
    server, url = start_redis(folder)
    atexit.register(lambda: (server.terminate(), server.wait(), shutil.rmtree(folder)))
    return wait_for(url)


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
