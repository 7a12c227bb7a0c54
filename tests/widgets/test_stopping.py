"""Stop in a stepper: what it says for each kind of step, and that it holds."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

import pforge_lab as pf
from pforge_lab.widgets.stepper import Stepper
from tests.pipeline.server import Server
from tests.widgets.pressing import PATIENCE, settle

BEGUN = threading.Event()
GO_ON = threading.Event()
AT_ONCE = "Stopping {}: it ends at once."
AT_BYTECODE = "Stopping {} at its next bytecode; a C call finishes first."
STOPPED = "Stopped; what was complete is kept. Step tries that step again."
LONG = 60  # seconds that a step takes unless it is stopped


def first():
    return 1


async def dream():
    """Wait on an event loop."""
    BEGUN.set()
    await asyncio.sleep(LONG)


def spin():
    """Use Python, one bytecode after another."""
    BEGUN.set()
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


def in_c():
    """Be inside one call of C until told to go on, and in Python afterwards."""
    BEGUN.set()
    GO_ON.wait(PATIENCE)
    return spin()


def failing():
    BEGUN.set()
    raise ValueError("not today")


def nap(folder):
    """Return the tool that is a command, which opens a pipe once it is there."""
    script = f"echo begun > {folder}/pipe; exec sleep {LONG}"
    return {"type": "cli", "name": "nap", "command": "sh", "args": ["-c", script]}


@pytest.fixture
def server():
    """Return a server of which paths under /hold are not answered until its end."""
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.hold.set()
    made.shutdown()
    thread.join()
    made.server_close()


def comes_true(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    return condition()


@pytest.fixture
def begin(state):
    """Return a function that presses Step for the second step of a run, and returns the stepper while it executes."""
    opened = []
    BEGUN.clear()
    GO_ON.clear()

    def begun(step, *, tools=(), wait=lambda: BEGUN.wait(PATIENCE), at_once=False):
        pipeline = pf.Pipeline("long", tools=tools, steps=[pf.Step(first, output_var="one"), step])
        run = pipeline.start(state=state)
        run.step()
        opened.append(Stepper(run))
        opened[-1].act("step")
        assert wait()
        assert comes_true(lambda: run.stops_at_once is at_once)  # it is known a moment after it has begun
        return opened[-1]

    yield begun
    GO_ON.set()
    for each in opened:
        each.run.stop()
        each.close()


def stop(stepper):
    """Press Stop; return what was said, one after the other, and how long it took until the step had ended."""
    said = []
    stepper.observe(lambda change: said.append(change["new"]), "notice")
    pressed = time.monotonic()
    stepper._received(stepper, {"do": "stop"}, [])
    settle(stepper)
    return said, time.monotonic() - pressed


def is_as_before(stepper):
    run = stepper.run
    return (run.position, run.status, run["one"], stepper.busy) == (1, "interrupted", 1, False)


def test_a_command_ends_at_once(begin, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    stepper = begin(
        {"tool": "nap"},
        tools=[nap(tmp_path)],
        wait=lambda: (tmp_path / "pipe").read_text() == "begun\n",
        at_once=True,
    )
    said, seconds = stop(stepper)
    assert said == [AT_ONCE.format("nap"), STOPPED]
    assert seconds < LONG / 3
    assert is_as_before(stepper)


def test_a_request_ends_at_once(begin, server):
    tool = {"type": "http", "name": "ask", "endpoint": f"{server.url}/hold"}
    stepper = begin(
        {"tool": "ask"}, tools=[tool], wait=lambda: comes_true(lambda: server.asked), at_once=True
    )
    said, seconds = stop(stepper)
    assert said == [AT_ONCE.format("ask"), STOPPED]
    assert seconds < LONG / 3
    assert is_as_before(stepper)


def test_a_coroutine_ends_at_once(begin):
    stepper = begin(pf.Step(dream, output_var="two"), at_once=True)
    said, seconds = stop(stepper)
    assert said == [AT_ONCE.format("dream"), STOPPED]
    assert seconds < LONG / 3
    assert is_as_before(stepper)


def test_a_pause_before_another_attempt_ends_at_once(begin):
    retry = {"attempts": 2, "backoff": LONG, "max_backoff": LONG}
    stepper = begin(pf.Step(failing, output_var="two", retry=retry), at_once=True)
    said, seconds = stop(stepper)
    assert said == [AT_ONCE.format("failing"), STOPPED]
    assert seconds < LONG / 3
    assert is_as_before(stepper)


def test_a_python_function_ends_at_its_next_bytecode(begin):
    stepper = begin(pf.Step(spin, output_var="two"))
    said, seconds = stop(stepper)
    assert said == [AT_BYTECODE.format("spin"), STOPPED]
    assert seconds < LONG / 3
    assert is_as_before(stepper)


def test_a_call_into_c_finishes_first(begin):
    stepper = begin(pf.Step(in_c, output_var="two"))
    stepper._received(stepper, {"do": "stop"}, [])
    assert stepper.notice == AT_BYTECODE.format("in_c")
    assert stepper.busy
    GO_ON.set()
    settle(stepper)
    assert stepper.notice == STOPPED
    assert is_as_before(stepper)


def test_side_by_side_it_is_the_slowest_to_end_that_counts(begin, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    def both_begun():
        return (tmp_path / "pipe").read_text() == "begun\n" and BEGUN.wait(PATIENCE)

    block = pf.Parallel(pf.Step("nap", output_var="a"), pf.Step(spin, output_var="b"), label="both")
    stepper = begin(block, tools=[nap(tmp_path)], wait=both_begun)
    said, _ = stop(stepper)
    assert said == [AT_BYTECODE.format("both"), STOPPED]
    assert is_as_before(stepper)


def test_what_another_view_executes_is_stopped_from_this_one_which_says_so(begin):
    working = begin(pf.Step(dream, output_var="two"), at_once=True)
    looking = Stepper(working.run)
    looking._under_way = working._under_way
    said = []
    looking.observe(lambda change: said.append(change["new"]), "notice")
    looking._received(looking, {"do": "stop"}, [])
    settle(working)
    looking.close()
    assert said == [AT_ONCE.format("dream"), STOPPED]


def test_there_may_be_nothing_to_stop(state):
    stepper = Stepper(pf.Pipeline.from_functions("short", first).start(state=state))
    stepper._received(stepper, {"do": "stop"}, [])
    assert stepper.notice == "Nothing is running."
    stepper.close()
