"""Calls that take too long, and calls that are made again."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time

import pytest

from pforge_lab.errors import StepTimeout
from pforge_lab.pipeline.steps import Parallel, Step
from pforge_lab.pipeline.tools import tool
from tests.pipeline.outcomes import add, fail, outcome_of


def test_a_timeout_error_of_the_tool_is_the_tools_own():
    """Only an overrun of ours is a `StepTimeout`."""

    async def own():
        raise TimeoutError("mine")

    error = outcome_of(Step(own, timeout_ms=5000)).error
    assert (type(error), str(error)) == (TimeoutError, "mine")


def test_a_sync_function_that_overruns_is_abandoned():
    """The outcome says so; the thread goes on with objects that are orphaned."""
    release, ended = threading.Event(), threading.Event()

    def slow(values):
        release.wait(30)
        values.append(1)
        ended.set()

    outcome = outcome_of(Step(slow, input={"values": "{{ v }}"}, timeout_ms=20, label="s"), {"v": []})
    assert (outcome.status, outcome.abandoned) == ("failed", True)
    assert str(outcome.error).startswith(
        "step 's': 'slow' took longer than 0.02 s and was abandoned on its thread"
    )
    assert (outcome.error.label, outcome.error.seconds) == ("s", 0.02)
    release.set()
    assert ended.wait(60)


def test_a_coroutine_that_blocks_is_abandoned():
    """The loop that it blocks is left to it: what is awaited later has another one."""
    release, ended = threading.Event(), threading.Event()

    async def blocks():
        release.wait(30)
        ended.set()

    async def answers():
        return 1

    outcome = outcome_of(Step(blocks, timeout_ms=20, label="s"))
    assert (outcome.status, outcome.abandoned) == ("failed", True)
    assert "'blocks' took longer than 0.02 s and was abandoned on its loop" in str(outcome.error)
    assert outcome_of(Step(answers)).output == 1
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)


def test_a_coroutine_that_takes_no_notice_of_its_end_is_abandoned():
    """It may swallow that it was cancelled."""
    release, ended = threading.Event(), threading.Event()

    async def stubborn():
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        ended.set()

    outcome = outcome_of(Step(stubborn, timeout_ms=20))
    assert (type(outcome.error), outcome.abandoned) == (StepTimeout, True)
    release.set()
    assert ended.wait(60)


def test_a_coroutine_that_ends_too_late_is_not_done():
    """Although it had a result before it was given up."""

    async def late():
        threading.Event().wait(0.1)
        return 1

    async def deaf():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 1

    for function in (late, deaf):
        outcome = outcome_of(Step(function, timeout_ms=20))
        assert (type(outcome.error), outcome.output, outcome.abandoned) == (StepTimeout, None, False)


def test_a_coroutine_that_blocks_does_not_hold_up_a_block_that_has_failed():
    """It is told that it goes on."""
    release, begun = threading.Event(), threading.Event()

    async def blocks():
        begun.set()
        release.wait(30)

    def breaks():
        assert begun.wait(20)
        raise ValueError("broken")

    outcome = outcome_of(Parallel(Step(blocks), Step(breaks)))
    release.set()
    assert (str(outcome.error), outcome.abandoned) == ("broken", True)
    assert "'blocks' did not end when it was stopped and was abandoned on its loop" in str(
        outcome.children[0].error
    )


def test_a_function_within_its_time():
    """Its result and its error arrive as without a timeout; without one it runs in the calling thread."""
    here = threading.get_ident()
    assert outcome_of(Step(add, input={"x": 1}, timeout_ms=10_000)).output == 2
    assert isinstance(outcome_of(Step(fail, timeout_ms=10_000)).error, ValueError)
    assert outcome_of(Step(threading.get_ident)).output == here
    assert outcome_of(Step(threading.get_ident, timeout_ms=10_000)).output != here


def test_retries_until_it_works(heard):
    """Each attempt is announced; the scope is renewed before each further one."""
    seen = []

    def flaky(values):
        values.append("changed")
        seen.append(list(values))
        if len(seen) < 3:
            raise ConnectionError(len(seen))
        return "ok"

    outcome = outcome_of(
        Step(flaky, input={"values": "{{ v }}"}, retry={"attempts": 5, "backoff": 0}),
        {"v": []}, listener=heard, before_retry=lambda: {"v": []},
    )  # fmt: skip
    assert (outcome.output, outcome.attempts) == ("ok", 3)
    assert seen == [["changed"]] * 3
    assert heard.started == [("flaky", 1), ("flaky", 2), ("flaky", 3)]
    assert [(label, number, str(error)) for label, number, error in heard.failed] == [
        ("flaky", 1, "1"),
        ("flaky", 2, "2"),
    ]


def test_retries_end():
    """The last error is told, and how often it was tried."""
    outcome = outcome_of(Step(fail, retry={"attempts": 3, "backoff": 0.001, "jitter": 0}))
    assert (outcome.status, outcome.attempts, str(outcome.error)) == ("failed", 3, "no")


def test_what_would_fail_again_is_not_retried():
    """Wrong arguments and templates are no matter of luck."""
    assert outcome_of(Step(add, retry=3)).attempts == 1
    assert outcome_of(Step(add, input={"x": "{{ nope }}"}, retry=3)).attempts == 0


def test_the_wait_before_a_retry_grows_and_honours_what_the_error_asks(monkeypatch):
    """Backoff doubles up to its bound; ``retry_after`` is a minimum."""
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    outcome_of(Step(fail, retry={"attempts": 5, "backoff": 1, "max_backoff": 3, "jitter": 0}))
    assert waits == [1, 2, 3, 3]
    waits.clear()

    def busy():
        error = ConnectionError()
        error.retry_after = 7
        raise error

    outcome_of(Step(busy, retry={"attempts": 2, "backoff": 1, "jitter": 0}))
    assert waits == [7]


@pytest.mark.parametrize(
    ("asked", "attempts"), [(300.5, 1), (math.inf, 1), (math.nan, 2), (-1, 2), ("soon", 2), (None, 2)]
)
def test_what_an_error_asks_to_wait_is_bounded(asked, attempts):
    """Above five minutes it is not tried again; what is no time is as if there were none."""

    def busy():
        error = ConnectionError("busy")
        error.retry_after = asked
        raise error

    outcome = outcome_of(Step(busy, retry={"attempts": 2, "backoff": 0}))
    assert (outcome.attempts, str(outcome.error)) == (attempts, "busy")


def test_options_of_the_tool_hold_unless_the_step_has_its_own():
    """``@tool`` gives retry and timeout; a step overrides them."""

    @tool(name="test_engine_flaky", retry={"attempts": 2, "backoff": 0}, timeout=5)
    def flaky():
        raise ValueError

    assert outcome_of(Step("test_engine_flaky")).attempts == 2
    assert outcome_of(Step(flaky)).attempts == 2
    assert outcome_of(Step(flaky, retry={"attempts": 3, "backoff": 0})).attempts == 3


def test_an_attempt_that_was_abandoned_is_told_although_a_later_one_worked():
    """The objects of the first attempt belong to its thread."""
    release = threading.Event()
    tried = []

    def slow_once():
        tried.append(1)
        if len(tried) == 1:
            release.wait(30)
        return "ok"

    outcome = outcome_of(Step(slow_once, timeout_ms=1000, retry={"attempts": 2, "backoff": 0}))
    release.set()
    assert (outcome.status, outcome.output, outcome.attempts, outcome.abandoned) == ("done", "ok", 2, True)
