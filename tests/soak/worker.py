"""A process that writes to a store with several threads until it is killed, and says what was acknowledged.

Called as ``python -m tests.soak.worker URL NAME THREADS``. Every line on its standard output is an
acknowledgement, ``THREAD NUMBER``, or an error, ``! KIND``.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import time

from pforge_lab.errors import PforgeError, StateError
from pforge_lab.state import StateManager, open_state

COUNTER = "counter"
_acknowledgements = 1  # the file that they are written to
COMPACTED = 100  # operations of a process's first thread between two compactions


def value_of(name: str, thread: int, number: int) -> bytes:
    """Return what operation ``number`` stores: known to whoever checks, now and then large."""
    size = 20_000 if number % 50 == 0 else 40
    return f"{name}/{thread}/{number} ".encode() * (size // 20)


def keys_of(name: str, thread: int, number: int) -> tuple[str, ...]:
    """Return the keys that operation ``number`` stores together: one, or three as a batch."""
    parts = 3 if number % 3 == 0 else 1
    return tuple(f"{name}/{thread}/{number:08}/{part}" for part in range(parts))


def operate(state: StateManager, name: str, thread: int, number: int) -> None:
    """Store what operation ``number`` stores, and count it, in one batch or as a single value."""
    keys, value = keys_of(name, thread, number), value_of(name, thread, number)
    if len(keys) == 1:
        state.set(keys[0], value)
        return
    with state.batch() as batch:
        for key in keys:
            batch.set(key, value)


def say(line: str) -> None:
    """Write one line at once: lines of threads do not mix."""
    os.write(_acknowledgements, f"{line}\n".encode())


def work(url: str, name: str, thread: int, first: int) -> None:
    """Operate for ever, and compact now and then; what fails is said and tried again, as its outcome is not known."""
    number, state = first, None
    while True:
        try:
            if state is None:
                state = open_state(url)
            operate(state, name, thread, number)
            if thread == 0 and number % COMPACTED == COMPACTED - 1:
                state.compact()
            if number % 7 == 0:
                state.increment(COUNTER)
                say(f"+ {thread}")
        except StateError as error:
            say(f"! {type(error).__name__}")
            time.sleep(random.uniform(0.01, 0.05))  # a server that restarts needs a moment
            continue
        except PforgeError as error:
            say(f"! {type(error).__name__}")
            raise
        say(f"{thread} {number}")
        number += 1


def main() -> None:
    """Start the threads and wait to be killed."""
    global _acknowledgements  # noqa: PLW0603 - of this process, set once
    _acknowledgements = os.dup(1)
    os.dup2(2, 1)  # what libraries in C print when a server goes away acknowledges nothing
    # What libraries log of servers that go away is said as errors here
    logging.getLogger().addHandler(logging.NullHandler())
    url, name, threads, *firsts = sys.argv[1:]
    for thread in range(int(threads)):
        first = int(firsts[thread]) if firsts else 0
        threading.Thread(target=work, args=(url, name, thread, first), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
