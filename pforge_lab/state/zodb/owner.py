"""Who holds a file: written beside it for whoever finds it locked."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateLocked
from pforge_lab.state.zodb.durable import replace_private

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that has a store open for writing.

    Attributes
    ----------
    since
        When it opened the store, with a time zone.
    notebook
        Path of its notebook, if it is a Jupyter kernel that knows it.
    """

    pid: int
    host: str
    since: datetime
    notebook: str | None

    @classmethod
    def me(cls) -> Owner:
        """Return this process."""
        notebook = os.environ.get("JPY_SESSION_NAME") or os.environ.get("PAPERMILL_INPUT_PATH")
        return cls(os.getpid(), socket.gethostname(), datetime.now(UTC), notebook)

    def write(self, path: Path) -> None:
        """Leave the note."""
        content = asdict(self) | {"since": self.since.isoformat()}
        replace_private(path, json.dumps(content).encode())


def read_owner(path: Path) -> Owner | None:
    """Return who left a note, or None if there is none that can be read."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        return Owner(**content | {"since": datetime.fromisoformat(content["since"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def locked(store: Path, url: str) -> StateLocked:
    """Return the error that names who holds ``store`` and the two ways out."""
    owner = read_owner(store.with_name(store.name + ".owner"))
    ways = f"open it with mode='r' to read it meanwhile, or use a store that several processes share: 'sqlite:{store.with_suffix('.db')}'"
    if owner is None:
        return StateLocked(f"{store} is in use by another process; {ways}", url=url, path=store)
    notebook = f", notebook {owner.notebook}" if owner.notebook else ""
    since = owner.since.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return StateLocked(
        f"{store} is in use by process {owner.pid} since {since}{notebook}; {ways}",
        url=url,
        path=store,
        pid=owner.pid,
        since=owner.since,
        notebook=owner.notebook,
    )
