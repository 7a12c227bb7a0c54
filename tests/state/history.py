"""A history of batches that a store goes through in another process, and what must be found of it."""

from __future__ import annotations

import contextlib
import os
import warnings

from pforge_lab.errors import StateCorrupt
from pforge_lab.state import StateRecovered, open_state

SEED = 20130101


@contextlib.contextmanager
def reported():
    """Collect the reports of recovery."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", StateRecovered)
        yield seen


def fork(work):
    """Run ``work(descriptor)`` in a forked process; return its id and a descriptor that reads what it writes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        work(writing)
    finally:
        os._exit(0)


def batch_of(number):
    """Return what batch ``number`` stores: small, middle and sometimes large values, some under the keys of others."""
    content = b"%d " % number
    batch = {f"batch/{number:06}/{part}": content for part in range(3)}
    batch[f"shared/{number % 7}"] = content * 300
    batch["last"] = content
    if number % 5 == 0:
        batch[f"large/{number % 3}"] = content * 300_000
    return batch


def after(number):
    """Return what a store holds after the batches up to ``number``."""
    state = {}
    for each in range(number + 1):
        state.update(batch_of(each))
    return state


def content_of(state):
    """Return everything a store holds."""
    keys = state.keys()
    content = state.get_many(keys)
    assert list(content) == keys
    return content


def read_all(path, **options):
    """Return what a store says it holds, or None if it says that it is damaged, and whether it reported anything."""
    with reported() as reports:
        try:
            with open_state(path, compact="never", **options) as state:
                content = content_of(state)
                assert state.stats().keys == len(content)
        except StateCorrupt:
            return None, False
    return content, bool(reports)
