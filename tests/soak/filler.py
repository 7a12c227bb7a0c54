"""A process that fills a store until its quota is reached, gets room, and goes on.

Called as ``python -m tests.soak.filler PATH QUOTA``; prints what was acknowledged, what of it is lost, and
how often the store said that it is full.
"""

from __future__ import annotations

import resource
import sys
import time

from pforge_lab.errors import StateFull
from pforge_lab.state import open_state

from .scenarios import limit_files


def main() -> None:
    """Fill, get room, go on, check."""
    path, quota = sys.argv[1], int(sys.argv[2])
    mark = f"{time.time_ns()}"
    limits = limit_files(quota)
    stored, refusals = [], 0
    with open_state(path, compact="never") as state:
        for number in range(100_000):
            key = f"{mark}/{number:06}"
            try:
                state.set(key, key.encode() * 20)
            except StateFull:
                refusals += 1
                if refusals == 3:
                    break
            else:
                stored.append(key)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        state.set(f"{mark}/after", mark.encode() * 20)
    with open_state(path) as state:
        lost = sum(state.get(key) != key.encode() * 20 for key in stored) + (
            not state.exists(f"{mark}/after")
        )
    sys.stdout.write(f"{len(stored) + 1} {lost} {refusals}\n")


if __name__ == "__main__":
    main()
