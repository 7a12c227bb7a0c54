"""What may happen to a store, one function each; all fill an `Account`."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from typing import TYPE_CHECKING

from pforge_lab.errors import StateCorrupt
from pforge_lab.state import MemoryStateManager, open_state

from .account import Account
from .crowd import Worker, check, chosen, wait_for_progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pforge_lab.state import StateManager

    from .servers import Server


def kills(url: str, store: str, processes: int, seconds: float, seed: int) -> Account:
    """Kill workers at random moments, start them again, and compare at the end."""
    account, randomly = Account("workers killed", store), random.Random(seed)
    workers = [Worker(url, f"w{number}") for number in range(processes)]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        wait_for_progress(workers, randomly.randrange(20, 200))
        worker = chosen(workers, randomly)
        worker.kill()
        account.disturbances += 1
        worker.start()
        account.recoveries += 1
    for worker in workers:
        worker.kill()
    check(url, workers, account.disturbances, account)
    return account


def restarts(server: Server, store: str, seconds: float, seed: int) -> Account:
    """End a server under its workers, every other time by force, and start it again."""
    account, randomly = Account("server restarted", store), random.Random(seed)
    workers = [Worker(server.url, f"w{number}") for number in range(2)]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        wait_for_progress(workers, randomly.randrange(20, 200))
        server.restart(hard=account.disturbances % 2 == 0)
        account.disturbances += 1
        before = sum(worker.acknowledged for worker in workers)
        wait_for_progress(workers, 1)
        account.recoveries += sum(worker.acknowledged for worker in workers) > before
    for worker in workers:
        worker.kill()
    check(server.url, workers, account.disturbances, account)
    return account


def full_disk(folder: Path, seconds: float) -> Account:
    """Let a quota run out under a writer, give it room again, and go on, over and over."""
    account = Account("disk full", "zodb")
    deadline, quota = time.monotonic() + seconds, 200_000
    while time.monotonic() < deadline:
        done = subprocess.run(
            [sys.executable, "-m", "tests.soak.filler", str(folder / "lab.fs"), str(quota)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            account.wrong += 1
            account.errors[done.stderr.strip().splitlines()[-1]] += 1
            break
        stored, lost, errors = map(int, done.stdout.split())
        account.acknowledged += stored
        account.lost += lost
        account.errors["StateFull"] += errors
        account.disturbances += 1
        account.recoveries += 1
        quota += 200_000
    return account


def damage(folder: Path, seconds: float, seed: int) -> Account:
    """Cut a ZODB file short and flip bits in it: noticed, or harmless; never believed."""
    account, randomly = Account("file cut or flipped", "zodb"), random.Random(seed)
    whole, copy = folder / "whole", folder / "copy"
    whole.mkdir()
    expected = {f"k{number:04}": b"%d " % number * randomly.randrange(1, 400) for number in range(300)}
    with open_state(whole / "lab.fs", compact="never") as state:
        for key, value in expected.items():
            state.set(key, value)
    size = (whole / "lab.fs").stat().st_size
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole, copy)
        _injure(copy / "lab.fs", randomly, size)
        account.disturbances += 1
        account.acknowledged += len(expected)
        _believed(copy / "lab.fs", expected, account)
    return account


def _injure(path: Path, randomly: random.Random, size: int) -> None:
    place = randomly.randrange(4, size)
    with path.open("r+b") as file:
        if randomly.random() < 0.5:
            file.truncate(place)
            return
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << randomly.randrange(8)]))


def _believed(path: Path, expected: dict[str, bytes], account: Account) -> None:
    """Read everything: an error or a report is right, a value that is not what was stored is wrong."""
    with warnings.catch_warnings(record=True) as reports:
        warnings.simplefilter("always")
        try:
            with open_state(path) as state:
                found = state.get_many(state.keys())
        except StateCorrupt:
            account.errors["StateCorrupt"] += 1
            return
    account.wrong += sum(value != expected[key] for key, value in found.items())
    if len(found) < len(expected) and not reports:
        account.lost += len(expected) - len(found)
    account.errors["StateRecovered"] += bool(reports)
    account.recoveries += 1


def clock_jumps(
    name: str, make: Callable[[Callable[[], float]], StateManager], seconds: float, seed: int
) -> Account:
    """Move the clock forward and back under keys that expire.

    A key is there until its time is over. Once it is over the key may be swept, so that it does not
    come back when the clock is put back.
    """
    account, randomly = Account("clock jumps", name), random.Random(seed)
    now = [1_800_000_000.0]
    ends: dict[str, float] = {}
    over: set[str] = set()
    deadline = time.monotonic() + seconds
    with make(lambda: now[0]) as state:
        while time.monotonic() < deadline:
            key, ttl = f"k{randomly.randrange(200)}", randomly.uniform(1, 1000)
            state.set(key, key.encode(), ttl=ttl)
            ends[key] = now[0] + ttl
            over.discard(key)
            account.acknowledged += 1
            if randomly.random() < 0.2:
                now[0] += randomly.choice([0.5, 60, 3600, -0.5, -60])
                over |= {each for each, end in ends.items() if end <= now[0]}
                account.disturbances += 1
                if randomly.random() < 0.3:
                    state.cleanup()
                account.recoveries += 1
            for each in randomly.sample(sorted(ends), min(5, len(ends))):
                alive = state.get(each) is not None
                account.wrong += alive and now[0] > ends[each]
                account.lost += not alive and each not in over
    return account


def in_memory(clock: Callable[[], float]) -> StateManager:
    """Return a store in memory with a clock that moves."""
    return MemoryStateManager(clock=clock)


def limit_files(size: int) -> tuple[int, int]:
    """Let no file of this process grow beyond ``size`` bytes; return the limits before."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    return limits
