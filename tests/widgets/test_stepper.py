"""What a stepper shows while steps follow each other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import pforge_lab as pf
from pforge_lab.widgets.stepper import Stepper

SHOWN = threading.Event()
GO_ON = threading.Event()


def soon():
    return 1


def awaited():
    """Go on once the view shows this step."""
    assert SHOWN.wait(30)
    return 2


def held():
    """Go on when told."""
    SHOWN.set()
    assert GO_ON.wait(30)
    return 3


@pytest.fixture
def started(state):
    """Return a function that starts a run of two steps and opens its stepper."""
    opened = []
    SHOWN.clear()
    GO_ON.clear()

    def start(second):
        steps = [pf.Step(soon, output_var="one"), pf.Step(second, output_var="two")]
        opened.append(Stepper(pf.Pipeline("two", steps=steps).start(state=state)))
        return opened[-1]

    yield start
    GO_ON.set()
    for each in opened:
        each.close()


def pending():
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_step_that_begins_within_the_pause_is_shown_at_its_end(started):
    stepper = started(awaited)

    def look(change):
        if change["new"]["under_way"] == "awaited":
            SHOWN.set()

    stepper.observe(look, "view")
    stepper.run.finish()
    assert (stepper.view["position"], stepper.view["status"], stepper.view["under_way"]) == (2, "done", None)
    last = stepper.view
    for timer in pending():
        timer.join(30)
    assert stepper.view is last


def test_a_closed_stepper_draws_no_more(started):
    stepper = started(held)
    with ThreadPoolExecutor(1) as pool:
        advance = pool.submit(stepper.run.finish)
        assert SHOWN.wait(30)
        stepper.close()
        for timer in pending():
            timer.join(30)
        last = stepper.view
        GO_ON.set()
        advance.result(30)
    assert stepper.view is last


def test_what_a_button_did_is_shown_when_the_next_press_is_taken(started):
    """Whoever presses a key at the sight of a new position is not ignored."""
    stepper = started(soon)
    taken = threading.Event()
    seen = []

    def look(change):
        if change["new"]["position"] != change["old"]["position"]:
            seen.append((change["new"]["position"], stepper.busy))
            taken.set()

    stepper.observe(look, "view")
    for _ in range(2):
        taken.clear()
        stepper.act("step")
        assert taken.wait(30)
    assert seen == [(1, False), (2, False)]
