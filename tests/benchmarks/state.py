"""Stores beside what else there is, all in one run: print rates and ratios.

Run with ``python -m tests.benchmarks.state``. The peers are called in turns, round by round, so
that a slow moment of the machine meets all of them; the figures are medians of the rounds.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.state import MemoryStateManager, open_state
from tests.benchmarks._peers import DURABLE, RELAXED, Raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUES = [
    b"%04d" % number + b"v" * 196 for number in range(1000)
]  # no two the same, which pickle would write once
ROUNDS = 5
KEYS = 20_000
LARGE = 100_000_000


@contextlib.contextmanager
def stopwatch(count: int, rates: list[float]) -> Iterator[None]:
    """Add the rate of ``count`` operations to ``rates``."""
    started = time.perf_counter()
    yield
    rates.append(count / (time.perf_counter() - started))


def interleaved(
    makers: dict[str, Callable[[Path], Any]],
    count: int,
    work: Callable[[Any], None],
    prepare: Callable[[Any], None] | None = None,
) -> dict[str, float]:
    """Return the median rate of each peer, called in turns."""
    folder = Path(tempfile.mkdtemp(dir="."))
    peers = {name: make(folder) for name, make in makers.items()}
    rates: dict[str, list[float]] = {name: [] for name in peers}
    for peer in peers.values():
        (prepare or work)(peer)
    for _ in range(ROUNDS):
        for name, peer in peers.items():
            with stopwatch(count, rates[name]):
                work(peer)
    for peer in peers.values():
        peer.close()
    shutil.rmtree(folder)
    return {name: statistics.median(each) for name, each in rates.items()}


def one_by_one(count: int) -> Callable[[Any], None]:
    """Return a function that stores ``count`` values, one at a time."""

    def work(peer: Any) -> None:
        for number in range(count):
            peer.set(f"key/{number % 1000:06}", VALUES[number % 1000])

    return work


def in_threads(peer: Any) -> None:
    """Store 50 values in each of 16 threads; one after the other where there is no way to share commits."""
    if isinstance(peer, Raw):
        one_by_one(800)(peer)
        return
    threads = [threading.Thread(target=one_by_one(50), args=(peer,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def thousands(names: list[str]) -> Iterator[dict[str, bytes]]:
    """Yield what to store under the names, a thousand at a time."""
    for start in range(0, len(names), 1000):
        yield dict(zip(names[start : start + 1000], VALUES, strict=False))


@functools.cache
def keys(*, shuffled: bool) -> list[str]:
    """Return the keys."""
    names = [f"run/{number:08}" for number in range(KEYS)]
    if shuffled:
        random.Random(1).shuffle(names)
    return names


def filled(peer: Any) -> None:
    """Store all keys."""
    for batch in thousands(keys(shuffled=False)):
        peer.set_many(batch)


def batches(*, shuffled: bool) -> Callable[[Any], None]:
    """Return a function that stores all keys by the thousand."""
    made = list(thousands(keys(shuffled=shuffled)))

    def work(peer: Any) -> None:
        for batch in made:
            peer.set_many(batch)

    return work


def gets(peer: Any) -> None:
    """Read all keys."""
    get = peer.get
    for name in keys(shuffled=True):
        get(name)


def cold_gets() -> dict[str, float]:
    """Return the rate of reading all keys right after opening."""
    folder = Path(tempfile.mkdtemp(dir="."))
    makers = {"pforge": DURABLE["pforge"], "diskcache": RELAXED["diskcache"], "lmdb": DURABLE["lmdb"]}
    for make in makers.values():
        with contextlib.closing(make(folder)) as peer:
            filled(peer)
    rates: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(ROUNDS):
        for name, make in makers.items():
            with contextlib.closing(make(folder)) as peer, stopwatch(KEYS, rates[name]):
                gets(peer)
    shutil.rmtree(folder)
    return {name: statistics.median(each) for name, each in rates.items()}


def show(title: str, rates: dict[str, float], targets: dict[str, float]) -> None:
    """Print rates, and ratios of the first to the others beside what is aimed at."""
    ours, *others = rates
    print(f"\n{title}: {ours} {rates[ours]:,.0f}/s")
    for name in others:
        aim = f"   aim {targets[name]}" if name in targets else ""
        print(f"  {name:16} {rates[name]:>12,.0f}/s   ratio {rates[ours] / rates[name]:6.2f}{aim}")


def large_values() -> None:
    """Print the seconds that 100 MB take."""
    folder = Path(tempfile.mkdtemp(dir="."))
    value = os.urandom(LARGE)
    seconds: dict[str, list[float]] = {"set": [], "get": [], "get_buffer": []}
    with open_state(folder / "large.fs") as state:
        for _ in range(ROUNDS):
            for name, work in (
                ("set", lambda: state.set("k", value)),
                ("get", lambda: state.get("k")),
                ("get_buffer", lambda: state.get_buffer("k")),
            ):
                started = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - started)
    shutil.rmtree(folder)
    aims = {"set": 0.4, "get": 0.15, "get_buffer": 0.005}
    print("\n100 MB value, seconds")
    for name, each in seconds.items():
        print(f"  {name:16} {statistics.median(each):8.4f}   aim {aims[name]}")


def growth() -> None:
    """Print how large a file is after 100,000 overwrites of 1,000 keys."""
    folder = Path(tempfile.mkdtemp(dir="."))
    path = folder / "growth.fs"
    with open_state(path, durability="relaxed") as state:
        one_by_one(100_000)(state)
        while_open = path.stat().st_size
    closed = path.stat().st_size
    with open_state(path) as state:
        state.compact()
    packed = path.stat().st_size
    shutil.rmtree(folder)
    print(
        f"\n100,000 overwrites of 1,000 keys, MB: open {while_open / 1e6:.1f}, closed {closed / 1e6:.2f}, compacted {packed / 1e6:.2f}"
    )
    print(f"  closed / compacted {closed / packed:.2f}   aim 4")


def opening() -> None:
    """Print the seconds that opening a million keys takes, after a clean close and after a kill."""
    folder = Path(tempfile.mkdtemp(dir="."))
    path = folder / "million.fs"
    names = [f"run/{number:08}" for number in range(1_000_000)]
    with open_state(path, durability="relaxed") as state:
        for start in range(0, len(names), 10_000):
            state.set_many(dict(zip(names[start : start + 10_000], VALUES * 10, strict=True)))
        copy = folder / "killed"
        copy.mkdir()
        for file in folder.glob("million.fs*"):
            if file.is_file():
                shutil.copy(file, copy / file.name)
    for name, place, aim in (("clean", path, 0.02), ("killed", copy / "million.fs", 3.0)):
        started = time.perf_counter()
        with open_state(place, compact="never"):
            print(f"\nopening 1,000,000 keys, {name}: {time.perf_counter() - started:.3f} s   aim {aim}")
    shutil.rmtree(folder)


def memory() -> None:
    """Print the rate of the store in memory beside a dict's."""
    state, plain = MemoryStateManager(), dict(zip(keys(shuffled=False), VALUES * 20, strict=True))
    filled(state)
    rates: dict[str, list[float]] = {"pforge memory:": [], "dict": []}
    for _ in range(ROUNDS):
        for name, peer in (("pforge memory:", state), ("dict", plain)):
            with stopwatch(KEYS, rates[name]):
                gets(peer)
    show("get", {name: statistics.median(each) for name, each in rates.items()}, {"dict": 0.25})


def main() -> None:
    """Print everything."""
    show("durable set", interleaved(DURABLE, 200, one_by_one(200)), {"raw ZODB": 0.8, "diskcache FULL": 0.6})
    threaded = {name: DURABLE[name] for name in ("pforge", "raw ZODB", "diskcache FULL", "lmdb")}
    show("durable set, 16 threads", interleaved(threaded, 800, in_threads), {"raw ZODB": 5})
    show("relaxed set", interleaved(RELAXED, 2000, one_by_one(2000)), {"diskcache": 0.7})
    show("batches of 1,000, sorted", interleaved(RELAXED, KEYS, batches(shuffled=False)), {"diskcache": 3})
    show("batches of 1,000, shuffled", interleaved(RELAXED, KEYS, batches(shuffled=True)), {"diskcache": 0.9})
    show("get", interleaved(RELAXED | {"lmdb": DURABLE["lmdb"]}, KEYS, gets, filled), {"diskcache": 2.5})
    show("cold get", cold_gets(), {"diskcache": 1.2})
    memory()
    large_values()
    growth()
    opening()


if __name__ == "__main__":
    main()
