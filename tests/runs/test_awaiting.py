"""``await run.astep()`` and ``await run.afinish()``: the loop goes on, and tools may use what is bound to it."""

from __future__ import annotations

import asyncio
import threading

import pytest

import pforge_lab as pf


def test_the_loop_goes_on_while_a_step_executes(memory):
    told = threading.Event()

    def waits():
        assert told.wait(60)
        return "told"

    async def main():
        run = pf.Pipeline.from_functions("p", waits).start(state=memory)
        step = asyncio.create_task(run.astep())
        await asyncio.sleep(0)
        told.set()
        return (await step).status, run["waits"]

    assert asyncio.run(main()) == ("done", "told")


def test_coroutines_run_on_the_loop_that_awaits(memory):
    """So that a queue, a lock or a client made in a cell can be used by a tool."""

    async def main():
        loop, queue = asyncio.get_running_loop(), asyncio.Queue()

        async def taken():
            assert asyncio.get_running_loop() is loop
            return await queue.get()

        run = pf.Pipeline("p", steps=[pf.Step(taken, output_var="x")]).start(state=memory)
        step = asyncio.create_task(run.astep())
        await queue.put("from the cell")
        await step
        return run["x"]

    assert asyncio.run(main()) == "from the cell"


def test_a_coroutine_that_takes_too_long_ends_with_its_timeout(memory):
    async def main():
        async def forever():
            await asyncio.Event().wait()

        run = pf.Pipeline("p", steps=[pf.Step(forever, timeout_ms=20)]).start(state=memory)
        with pytest.raises(pf.StepTimeout):
            await run.astep()
        return run.status

    assert asyncio.run(main()) == "failed"


def test_afinish_executes_what_is_left_and_up_to_a_label(memory):
    def one():
        return 1

    async def two(one):
        return one + 1

    def three(two):
        return two + 1

    async def main():
        run = pf.Pipeline.from_functions("p", one, two, three).start(state=memory)
        await run.afinish(until="two")
        position = run.position
        output = await run.afinish()
        return position, dict(output.variables)

    assert asyncio.run(main()) == (2, {"one": 1, "two": 2, "three": 3})


def test_an_error_of_a_step_is_raised_where_it_is_awaited(memory):
    def broken():
        raise ValueError("no")

    async def main():
        run = pf.Pipeline.from_functions("p", broken).start(state=memory)
        with pytest.raises(pf.StepError, match="step 1 'broken' failed: ValueError: no"):
            await run.astep()
        return run.status

    assert asyncio.run(main()) == "failed"


@pytest.mark.parametrize("asynchronous", [True, False])
def test_cancelling_ends_the_step_and_the_run_can_go_on(memory, asynchronous):
    began, calm = threading.Event(), []

    def spins():
        began.set()
        while not calm:
            pass
        return "calm"

    async def waits():
        began.set()
        if not calm:
            await asyncio.Event().wait()
        return "calm"

    async def main():
        run = pf.Pipeline("p", steps=[pf.Step(waits if asynchronous else spins, output_var="x")])
        run = run.start(state=memory)
        task = asyncio.create_task(run.afinish())
        await asyncio.to_thread(began.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        status, position = run.status, run.position
        calm.append(True)
        await run.afinish()
        return status, position, run["x"]

    assert asyncio.run(main()) == ("interrupted", 0, "calm")


def test_two_steps_at_once_are_refused(memory):
    told = threading.Event()

    def waits():
        assert told.wait(60)

    async def main():
        run = pf.Pipeline.from_functions("p", waits).start(state=memory)
        began = threading.Event()
        run.watch(lambda event: began.set())
        first = asyncio.create_task(run.astep())
        await asyncio.to_thread(began.wait, 60)
        with pytest.raises(pf.RunBusy):
            await run.astep()
        told.set()
        await first
        return run.status

    assert asyncio.run(main()) == "done"
