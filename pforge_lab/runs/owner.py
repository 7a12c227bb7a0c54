"""Who advances a run: this process, another one, or one that is gone."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pforge_lab.runs.encoding import moment
from pforge_lab.runs.naming import notebook_name

_GONE = (b"Z", b"X")  # killed, and not yet waited for by its parent


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that advances a run.

    Attributes
    ----------
    pid, host
        Of the process.
    started
        When the process started, in clock ticks since boot where the system tells it, else
        None; tells a reused pid from the owner.
    since
        Since when it has been advancing the run.
    notebook
        Name of its notebook or script, or None.
    """

    pid: int
    host: str
    started: float | None
    since: datetime
    notebook: str | None = None

    @classmethod
    def me(cls) -> Owner:
        """Return this process."""
        pid = os.getpid()
        return cls(pid, platform.node(), _started_here(pid), datetime.now(UTC), notebook_name())

    def is_me(self) -> bool:
        """Return whether this is the process that asks."""
        return self.pid == os.getpid() and self.host == platform.node()

    def alive(self) -> bool:
        """Return False only when the process is known to be gone."""
        if self.host != platform.node():
            return True
        started = _started(self.pid)
        return started is not None and (self.started is None or started == self.started)

    def __str__(self) -> str:
        """Return the owner as messages name it."""
        where = f" ({self.notebook})" if self.notebook else ""
        return f"process {self.pid} on {self.host}{where} since {self.since.astimezone():%Y-%m-%d %H:%M:%S}"

    def to_json(self) -> dict[str, Any]:
        """Return the owner as values for `encoded`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Owner:
        """Make an owner from what `to_json` returned."""
        return cls(**data | {"since": moment(data["since"])})


@lru_cache(maxsize=1)  # a fork has another pid
def _started_here(pid: int) -> float | None:
    return _started(pid)


def _started(pid: int) -> float | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - the cheap way; several times a second
            state, *facts = file.read().rpartition(b")")[2].split()
            return None if state in _GONE else float(facts[18])
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):  # noqa: PTH112
            return None
    import psutil  # noqa: PLC0415 - only where there is no /proc

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
