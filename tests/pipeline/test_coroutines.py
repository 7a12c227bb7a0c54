"""Coroutines of tools: which loop they run on, and that nothing waits for itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref

import pytest

import pforge_lab as pf
from pforge_lab.errors import StepTimeout
from pforge_lab.pipeline import clients
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import loads
from tests.pipeline.outcomes import outcome_of

pytestmark = pytest.mark.timeout(60)


def asking(url, fields="method: GET", steps=1):
    text = f"tools: [{{ type: http, name: it, endpoint: '{url}', {fields} }}]\nsteps:\n"
    return loads(
        text + "".join(f"  - {{ tool: it, label: s{i}, output_var: o{i} }}\n" for i in range(steps)), name="p"
    )


async def one():
    await asyncio.sleep(0)
    return 1


def test_requests_of_one_run_on_several_loops(server):
    """On our own, on one that awaits, on another one: connections are not shared between them."""
    run = asking(server.url, steps=6).start(state="memory:")

    async def two():
        return [(await run.astep()).status for _ in range(2)]

    assert run.step().status == "done"
    assert asyncio.run(two()) == ["done", "done"]
    assert asyncio.run(two()) == ["done", "done"]
    assert run.step().status == "done"


def test_a_client_goes_with_its_loop(server):
    """It is closed when the loop ends as it should, and forgotten when the loop was merely closed."""
    run = asking(server.url, steps=3).start(state="memory:")
    made = []

    async def step():
        await run.astep()
        made.append(await clients.client())
        return weakref.ref(asyncio.get_running_loop())

    ended = asyncio.run(step())
    assert made[0].is_closed
    loop = asyncio.new_event_loop()
    closed = loop.run_until_complete(step())
    loop.run_until_complete(made.pop().aclose())  # only lest it warns of a connection that is left open
    loop.close()
    del loop
    asyncio.run(step())
    made.clear()
    gc.collect()
    assert (ended(), closed()) == (None, None)


def test_a_coroutine_may_run_a_pipeline_with_a_request(server):
    """Although it blocks the loop that the request of a step would run on."""

    async def outer():
        return asking(server.url).run(record=False).variables["o0"]["status"]

    assert outcome_of(pf.Step(outer)).output == 200
    run = pf.Pipeline("p", steps=[pf.Step(outer, output_var="o")]).start(state="memory:")
    asyncio.run(run.afinish())
    assert run["o"] == 200


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_coroutine_may_run_a_pipeline_with_coroutines_side_by_side(at_once):
    """On threads that wait for a loop while the coroutine waits for them."""
    steps = [pf.Step(one, label=label, output_var=label) for label in "ab"]
    inner = pf.Pipeline("inner", steps=[pf.Parallel(*steps, max_parallel=at_once)])

    async def outer():
        return dict(inner.run(record=False).variables)

    async def outermost():
        return pf.Pipeline("middle", steps=[pf.Step(outer, output_var="o")]).run(record=False).variables["o"]

    assert outcome_of(pf.Step(outer)).output == {"a": 1, "b": 1}
    assert outcome_of(pf.Step(outermost)).output == {"a": 1, "b": 1}


def test_a_timeout_holds_within_a_coroutine(server):
    """A request that a coroutine's pipeline makes is cancelled as any."""

    async def outer():
        outcome = execute(asking(server.url + "/hold", "timeout_ms: 100"), 0, {})
        return type(outcome.error), outcome.error.seconds

    assert outcome_of(pf.Step(outer)).output == (StepTimeout, 0.1)


def test_a_coroutine_that_blocks_its_loop_is_abandoned(server):
    """Its timeout holds all the same, and the next coroutine has a loop that answers."""

    async def outer():
        return execute(asking(server.url + "/hold"), 0, {}).output

    outcome = outcome_of(pf.Step(outer, timeout_ms=100))
    assert (type(outcome.error), outcome.abandoned) == (StepTimeout, True)
    assert "'outer' took longer than 0.1 s and was abandoned on its loop" in str(outcome.error)
    assert outcome_of(pf.Step(one)).output == 1


def test_a_coroutine_that_goes_on_although_it_was_cancelled_is_abandoned():
    """The loop is used further: it answers."""
    release = []

    async def stubborn():
        release.append((asyncio.get_running_loop(), asyncio.Event()))
        while not release[0][1].is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release[0][1].wait()

    async def free():
        release[0][1].set()
        return asyncio.get_running_loop() is release[0][0]

    outcome = outcome_of(pf.Step(stubborn, timeout_ms=50))
    assert (type(outcome.error), outcome.abandoned) == (StepTimeout, True)
    assert outcome_of(pf.Step(free)).output is True


def test_a_coroutine_that_blocks_its_loop_is_stopped_beside_one_that_fails(server):
    """The block ends, and the next coroutine has a loop that answers."""
    begun = threading.Event()

    async def outer():
        begun.set()
        return execute(asking(server.url + "/hold"), 0, {}).output

    def failing():
        assert begun.wait(20)
        raise ValueError("no")

    outcome = outcome_of(pf.Parallel(pf.Step(outer), pf.Step(failing)))
    assert (outcome.status, str(outcome.error)) == ("failed", "no")
    assert outcome_of(pf.Step(one)).output == 1


def test_a_coroutine_that_cancels_itself_has_failed():
    """Nobody stopped it."""

    async def own():
        raise asyncio.CancelledError

    run = pf.Pipeline("p", steps=[pf.Step(own)]).start(state="memory:")
    with pytest.raises(pf.StepError, match="CancelledError"):
        run.step()
