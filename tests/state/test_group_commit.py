"""Threads that write at once share commits."""

from __future__ import annotations

import sys
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


def test_who_is_handed_the_lead_before_it_has_begun_to_wait_leads_once():
    """A thread that is held up between joining and waiting is handed the lead meanwhile: nobody stays behind."""
    under_way, joined, handed_over = threading.Event(), threading.Event(), threading.Event()

    def commit(jobs):
        under_way.set()
        assert joined.wait(20)
        for job in jobs:
            job.result, job.done = job.work(None), True

    queue = CommitQueue(commit)

    def hold_up(frame, event, _argument):
        if event == "return" and frame.f_code is CommitQueue._join.__code__:
            joined.set()
            assert handed_over.wait(20)

    def second():
        sys.setprofile(hold_up)  # of this thread
        try:
            results.append(queue.run(lambda overlay: "second"))
        finally:
            sys.setprofile(None)

    def first():
        results.append(queue.run(lambda overlay: "first"))
        handed_over.set()

    results = []
    leader, follower = threading.Thread(target=first), threading.Thread(target=second, daemon=True)
    leader.start()
    assert under_way.wait(20)
    follower.start()
    leader.join()
    follower.join(20)
    assert results == ["first", "second"]
    assert queue.run(lambda overlay: "third") == "third"
