"""Coroutines run from sync code anywhere."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
from contextvars import ContextVar, copy_context

import pytest

from pforge_lab import asyncbridge
from pforge_lab.asyncbridge import Overrun, in_thread, run, submit, use_mode
from pforge_lab.errors import UsageError

place = ContextVar("place", default="nowhere")


@pytest.fixture(autouse=True)
def _background():
    yield
    use_mode("background")


async def double(x):
    await asyncio.sleep(0)
    return 2 * x


def test_from_a_plain_interpreter():
    """A result comes back, an error as it was raised."""

    async def fail():
        raise KeyError("x")

    assert run(double(4)) == 8
    with pytest.raises(KeyError):
        run(fail())


def test_inside_a_running_loop():
    """As in a notebook's cell."""

    async def cell():
        return [run(double(1)), run(double(2))]

    assert asyncio.run(cell()) == [2, 4]


NESTED = """
import asyncio
import pforge_lab as pf
from pforge_lab.asyncbridge import CancelledError, run, use_mode

async def loop():
    return asyncio.get_running_loop()

async def cell():
    return run(loop()) is asyncio.get_running_loop(), run(asyncio.sleep(0, 5), timeout=5)

async def where():
    return id(asyncio.get_running_loop())

async def step():
    return pf.Pipeline.from_functions("p", where).run(state="memory:").variables["where"] == await where()

def at_once(cancel):
    cancel()
    return lambda: print("forgotten")

async def stopped():
    try:
        run(asyncio.Event().wait(), stop=at_once)
    except CancelledError:
        return "stopped"

main = asyncio.new_event_loop()
print(main.run_until_complete(cell()))
print(main.run_until_complete(step()))
use_mode("nested")
print(main.run_until_complete(cell()))
print(main.run_until_complete(step()))
print(main.run_until_complete(stopped()))
print(run(asyncio.sleep(0, 6)))
main.close()
"""


def test_nested_mode_uses_the_loop_that_runs():
    """So that objects bound to it work; the background mode has a loop of its own, as has a thread without one."""
    done = subprocess.run(
        [sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [
        "(False, 5)", "False", "(True, 5)", "True", "forgotten", "stopped", "6",
    ]  # fmt: skip


def test_from_threads():
    """Many threads share the one loop."""
    results = []
    threads = [threading.Thread(target=lambda i=i: results.append(run(double(i)))) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [2 * i for i in range(20)]


def test_from_a_coroutine_of_the_bridge_itself():
    """Sync code called by a coroutine may use the bridge again; nothing waits for itself."""

    async def outer():
        return run(double(5))

    assert run(outer(), timeout=20) == 10


@pytest.mark.timeout(30)
def test_sync_code_of_coroutines_never_waits_for_itself():
    """However deep, in whichever way, and on threads that it starts with its context."""

    async def outer(way, depth):
        return way(outer(way, depth - 1)) if depth else 5

    def submitted(coroutine):
        return submit(coroutine).result()

    def on_a_thread(coroutine):
        results, context = [], copy_context()
        thread = threading.Thread(target=lambda: results.append(context.run(run, coroutine)))
        thread.start()
        thread.join()
        return results[0]

    async def awaiting(way):
        return await in_thread(lambda: run(outer(way, 3)), lambda: None)

    for way in (run, submitted, on_a_thread):
        assert run(outer(way, 3)) == 5
        assert asyncio.run(awaiting(way)) == 5
        assert run(awaiting(way)) == 5


def test_a_timeout_cancels():
    """The coroutine hears of it, and a timeout of its own is another thing."""
    cancelled = threading.Event()

    async def waits():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def own():
        raise TimeoutError("mine")

    with pytest.raises(Overrun):
        run(waits(), timeout=0.01)
    assert cancelled.wait(60)
    with pytest.raises(TimeoutError, match="mine"):
        run(own(), timeout=5)


def test_a_submitted_coroutine_can_be_cancelled():
    """From another thread, through its future."""
    begun, cancelled = threading.Event(), threading.Event()

    async def waits():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    future = submit(waits())
    assert begun.wait(60)
    future.cancel()
    assert cancelled.wait(60)


def test_context_variables_are_the_callers():
    """What is printed belongs to the cell that called."""

    async def where():
        return place.get()

    place.set("here")
    assert run(where()) == "here"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_after_a_fork():
    """A child has a loop of its own: the parent's thread is not there."""
    run(double(1))
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def child():
        queue.put(run(double(21), timeout=20))

    process = context.Process(target=child)
    process.start()
    process.join(30)
    assert queue.get() == 42
    assert run(double(2)) == 4


def test_an_unknown_mode():
    """The message names the ones there are."""
    with pytest.raises(UsageError, match="no mode 'nestd', did you mean 'nested'"):
        use_mode("nestd")


def test_the_bridge_does_not_hold_up_the_exit():
    """A script ends although the loop runs, and although a coroutine never would."""
    code = (
        "import asyncio; from pforge_lab import asyncbridge\n"
        "async def never(): await asyncio.Event().wait()\n"
        "asyncbridge.submit(never())\n"
        "print(asyncbridge.run(asyncio.sleep(0, 'end')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "end\n"


def test_nothing_is_patched_unless_asked():
    """The nested mode alone loads the patch."""
    code = "from pforge_lab import asyncbridge; import asyncio, sys; asyncbridge.run(asyncio.sleep(0)); print('nest_asyncio2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
    assert asyncbridge.MODES == ("background", "nested")
