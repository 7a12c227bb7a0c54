"""Servers that a soak starts, kills and starts again on the same files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateError
from pforge_lab.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = os.pathsep.join([os.environ["PATH"], *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))])


class Server:
    """A server in a folder.

    Parameters
    ----------
    command
        What starts it.
    url
        What opens it.
    soft, hard
        The signals that end it as an operator does, and at once.
    """

    def __init__(
        self, command: list[str], url: str, soft: signal.Signals, hard: signal.Signals, **options: Any
    ) -> None:
        self.command, self.url, self.soft, self.hard, self.options = command, url, soft, hard, options
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, **quiet, **self.options)
        deadline = time.monotonic() + 60
        while True:
            try:
                open_state(self.url).close()
            except StateError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def restart(self, *, hard: bool) -> None:
        """End it, by force or as an operator does, and start it again."""
        self.stop(hard=hard)
        self.start()

    def stop(self, *, hard: bool = False) -> None:
        """End it."""
        self.process.send_signal(self.hard if hard else self.soft)
        self.process.wait()


def redis(folder: Path) -> Server:
    """Return a Redis server that syncs every command to its log: what it acknowledged, it has."""
    socket = folder / "socket"
    command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
    return Server(
        [*command, "--save", "", "--appendonly", "yes", "--appendfsync", "always"],
        f"unix://{socket}",
        signal.SIGTERM,
        signal.SIGKILL,
    )


def zeo(folder: Path) -> Server:
    """Return a server of a ZODB file."""
    command = [sys.executable, "-m", "pforge_lab", "state", "serve", str(folder / "lab.fs")]
    return Server(command, f"zeo:{folder / 'lab.sock'}", signal.SIGTERM, signal.SIGKILL)


def postgresql(folder: Path) -> Server:
    """Return a PostgreSQL server with its own defaults of durability."""
    options: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        options["user"] = "postgres"
    data = str(folder / "data")
    initdb, program = shutil.which("initdb", path=PATH), shutil.which("postgres", path=PATH)
    assert initdb
    assert program
    subprocess.run(
        [initdb, "-D", data, "-U", "postgres", "-A", "trust"],
        check=True,
        stdout=subprocess.DEVNULL,
        **options,
    )
    # SIGINT is its "fast" shutdown (SIGTERM waits for clients to go), SIGQUIT its "immediate" one: no
    # checkpoint, recovery at the next start, as after a crash
    return Server(
        [program, "-D", data, "-k", str(folder), "-h", ""],
        f"postgresql:///postgres?host={folder}&user=postgres",
        signal.SIGINT,
        signal.SIGQUIT,
        **options,
    )


def available() -> dict[str, Callable[[Path], Server]]:
    """Return the servers whose programs are installed."""
    found: dict[str, Callable[[Path], Server]] = {"zeo": zeo}
    if shutil.which("redis-server"):
        found["redis"] = redis
    if shutil.which("postgres", path=PATH):
        found["postgresql"] = postgresql
    return found
