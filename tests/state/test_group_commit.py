"""Threads that write at once share commits."""

from __future__ import annotations

import threading
import time

from pforge_lab.state.zodb import queue as queues
from pforge_lab.state.zodb.queue import CommitQueue

THREADS, ROUNDS = 4, 10


def test_threads_whose_commit_has_ended_take_part_in_the_next(monkeypatch):
    """Four threads that write one after the other need about as many commits as one of them, not twice as many."""
    monkeypatch.setattr(queues, "_SHARE", 1000)  # however busy the machine is, they come in time
    monkeypatch.setattr(queues, "_LONGEST", 2)
    groups = []

    def commit(jobs):
        groups.append(len(jobs))
        time.sleep(0.01)  # as long as a disk takes
        for job in jobs:
            job.done = True

    queue = CommitQueue(commit)

    def write():
        for _ in range(ROUNDS):
            queue.run(lambda overlay: None)

    threads = [threading.Thread(target=write) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(groups) == THREADS * ROUNDS
    assert len(groups) <= ROUNDS + 2  # two in turns, of one and of three jobs, would be twenty


def test_a_commit_that_took_long_makes_the_next_wait_no_longer():
    """A commit may have waited for another process for minutes; those who do not come again are not waited for as long."""

    def commit(jobs):
        time.sleep(0.1)
        for job in jobs:
            job.done = True

    queue = CommitQueue(commit)
    queue.run(lambda overlay: None)
    assert queue._patience == queues._LONGEST


def test_a_thread_alone_waits_for_nobody():
    """After a crowd has left, only the first commit of the one that stays looks out for it."""
    queue = CommitQueue(lambda jobs: None)
    queue._expected, queue._patience = 16, 0.05
    queue.run(lambda overlay: None)
    assert queue._expected == 1
