"""Workers as processes: started, killed, and what they acknowledged kept on the books."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from pforge_lab.state import open_state

from .worker import COUNTER, keys_of, value_of

if TYPE_CHECKING:
    import random

    from .account import Account

THREADS = 4


class Worker:
    """One process and what it acknowledged.

    Attributes
    ----------
    last
        The last acknowledged operation of each thread; -1 before the first.
    """

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        self.last = dict.fromkeys(range(THREADS), -1)
        self.increments = 0
        self.errors: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        """Start the process, at what was acknowledged last."""
        firsts = [str(last + 1) for last in self.last.values()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.worker", self.url, self.name, str(THREADS), *firsts],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, args=(self.process,))
        self.reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            first, second = line.split()
            if first == "!":
                self.errors[second] += 1
            elif first == "+":
                self.increments += 1
            else:
                self.last[int(first)] = int(second)

    def kill(self) -> None:
        """Kill the process at whatever it does, and read what it still said."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def acknowledged(self) -> int:
        """Operations acknowledged, all threads together."""
        return sum(last + 1 for last in self.last.values()) + self.increments


def wait_for_progress(workers: list[Worker], least: int, seconds: float = 60) -> None:
    """Return when the workers acknowledged so many operations more."""
    goal = sum(worker.acknowledged for worker in workers) + least
    deadline = time.monotonic() + seconds
    while sum(worker.acknowledged for worker in workers) < goal and time.monotonic() < deadline:
        time.sleep(0.005)


def check(url: str, workers: list[Worker], kills: int, account: Account) -> None:
    """Compare what the store has with what was acknowledged, and add it to the account."""
    with open_state(url) as state:
        for worker in workers:
            for thread, last in worker.last.items():
                for number in range(last + 2):  # one more may be there: stored, not acknowledged yet
                    expected = value_of(worker.name, thread, number)
                    found = state.get_many(keys_of(worker.name, thread, number))
                    there = [value for value in found.values() if value is not None]
                    whole = len(there) == len(keys_of(worker.name, thread, number))
                    account.torn += bool(there) and not whole
                    account.lost += number <= last and not whole
                    account.wrong += any(value != expected for value in there)
        counted = int(state.get(COUNTER) or 0)
        least = sum(worker.increments for worker in workers)
        unsure = (kills + 1) * len(workers) * THREADS + sum(sum(worker.errors.values()) for worker in workers)
        account.wrong += not least <= counted <= least + unsure
    account.acknowledged += sum(worker.acknowledged for worker in workers)
    for worker in workers:
        account.errors += worker.errors
    account.recoveries += 1


def chosen(workers: list[Worker], randomly: random.Random) -> Worker:
    """Return one of the workers."""
    return workers[randomly.randrange(len(workers))]
