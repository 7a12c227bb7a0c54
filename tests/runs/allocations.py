"""What values take, as tests of the ledger know it: by the allocations that building them made."""

from __future__ import annotations

import tracemalloc

from pforge_lab.runs.ledger import account

MB = 10**6


def truth_of(build):
    """Build a value and return it with the bytes that its allocations take, rounded as allocators do."""
    tracemalloc.start()
    value = build()
    traces = tracemalloc.take_snapshot().traces
    tracemalloc.stop()
    return value, sum((trace.size + 15) & ~15 for trace in traces)


def total(variables):
    return sum(size.bytes for size in account(variables).values())


class Point:
    """An instance as pipelines have them by the thousand."""

    def __init__(self, number):
        self.number = number
        self.name = f"point number {number}"
        self.weight = number * 0.5
