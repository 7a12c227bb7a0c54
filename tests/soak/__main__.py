"""``make soak``: every scenario on every store, bounded in time; a table of what was acknowledged, lost and seen.

``python -m tests.soak [SECONDS] [SEED]``: seconds for all of it together (540), and the seed of its chances.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pforge_lab.state import open_state

from . import scenarios, servers
from .account import Account, table

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that goes with what is in it."""
    with tempfile.TemporaryDirectory(prefix="soak", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)  # PostgreSQL's user has to get in
        yield path


def scenarios_of(seconds: float, seed: int) -> Iterator[Account]:
    """Execute all scenarios, sharing the time among them."""
    present = servers.available()
    share = seconds / (5 + 2 * len(present))
    with folder() as place:
        yield scenarios.kills(str(place / "lab.fs"), "zodb", 1, share, seed)
    with folder() as place:
        yield scenarios.kills(f"sqlite:{place / 'lab.db'}", "sqlite", 3, share, seed)
    for name, start in present.items():
        with folder() as place:
            server = start(place)
            try:
                yield scenarios.kills(server.url, name, 3, share, seed)
            finally:
                server.stop()
        with folder() as place:
            server = start(place)
            try:
                yield scenarios.restarts(server, name, share, seed)
            finally:
                server.stop()
    with folder() as place:
        yield scenarios.full_disk(place, share)
    with folder() as place:
        yield scenarios.damage(place, share, seed)
    yield scenarios.clock_jumps("memory", scenarios.in_memory, share / 2, seed)
    with folder() as place:
        yield scenarios.clock_jumps(
            "zodb", lambda clock: open_state(place / "lab.fs", clock=clock), share / 2, seed
        )


def main() -> int:
    """Print the table and return 1 if anything was lost, torn or wrong."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 540
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 10**6
    print(f"seed {seed}", flush=True)
    accounts = []
    for account in scenarios_of(seconds, seed):
        accounts.append(account)
        print(
            f"{account.scenario}, {account.store}: {'clean' if account.is_clean else 'NOT CLEAN'}", flush=True
        )
    print(f"\n{table(accounts)}")
    return 0 if all(account.is_clean for account in accounts) else 1


if __name__ == "__main__":
    sys.exit(main())
