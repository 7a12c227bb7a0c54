"""Steps with many calls: foreach and parallel."""

from __future__ import annotations

import asyncio
import threading

import pandas as pd
import pytest

from pforge_lab.errors import SpecError
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Parallel, Step
from tests.pipeline.outcomes import add, fail, outcome_of


def test_foreach_keeps_the_order(run_all):
    """Outputs are in the order of the elements, however many run at a time."""
    for at_once in (None, 1, 4):
        step = Step(lambda x, k: x * k, foreach="{{ l }}", as_="e", input={"x": "{{ e }}", "k": "{{ k }}"},
                    output_var="all", max_parallel=at_once)  # fmt: skip
        scope, (outcome,) = run_all(Pipeline("p", steps=[step]), {"l": list(range(20)), "k": 3})
        assert scope["all"] == [3 * i for i in range(20)]
        assert [child.label for child in outcome.children[:2]] == ["<lambda>[0]", "<lambda>[1]"]
        assert "e" not in scope
    assert outcome_of(step, {"l": [], "k": 1}).output == []


def test_foreach_runs_at_most_so_many_at_once():
    """The bound holds, and is used."""
    barrier = threading.Barrier(3, timeout=20)

    def together(x):
        return barrier.wait() >= 0

    step = Step(together, foreach="{{ l }}", input={"x": "{{ item }}"}, max_parallel=3)
    assert outcome_of(step, {"l": [1, 2, 3]}).output == [True] * 3


def test_foreach_stops_at_the_first_error():
    """Under fail_fast later elements are not begun."""
    begun = []

    def check(x):
        begun.append(x)
        if x == 2:
            raise ValueError(x)

    outcome = outcome_of(Step(check, foreach=[1, 2, 3], input={"x": "{{ item }}"}))
    assert (outcome.status, str(outcome.error), begun) == ("failed", "2", [1, 2])
    assert [child.status for child in outcome.children] == ["done", "failed", "skipped"]


def test_foreach_goes_on_under_continue():
    """Failed elements are null in the list and told in the children; if all fail, the step does."""
    step = Step(
        lambda x: 1 // x,
        foreach=[1, 0, -1],
        input={"x": "{{ item }}"},
        error_policy="continue",
        output_var="o",
    )
    outcome = outcome_of(step)
    assert (outcome.status, outcome.variables) == ("done", {"o": [1, None, -1]})
    assert isinstance(outcome.children[1].error, ZeroDivisionError)
    assert outcome_of(step.model_copy(update={"foreach": [0, 0]})).status == "failed"


@pytest.mark.parametrize("wrong", ["text", {"a": 1}, 5, None, pd.DataFrame()])
def test_foreach_needs_a_list(wrong):
    """What has no elements in an order that is meant is refused."""
    outcome = outcome_of(Step(add, foreach="{{ l }}"), {"l": wrong})
    assert "foreach needs a list, not" in str(outcome.error)


def test_foreach_retries_an_element_with_its_own_element():
    """The renewed scope has the element at the same place."""
    tried = []

    def flaky(x):
        tried.append(x)
        if len(tried) == 2:
            raise ConnectionError

    step = Step(flaky, foreach="{{ l }}", input={"x": "{{ item }}"}, retry={"attempts": 2, "backoff": 0})
    outcome = outcome_of(step, {"l": [1, 2, 3]}, before_retry=lambda: {"l": [10, 20, 30]})
    assert (outcome.status, tried) == ("done", [1, 2, 20, 3])


def test_parallel_writes_all_in_the_order_of_its_steps():
    """The result does not depend on who is first."""
    second = threading.Event()

    def slow():
        assert second.wait(20)
        return "slow"

    def fast():
        second.set()
        return "fast"

    async def awaited():
        await asyncio.sleep(0)
        return "awaited"

    block = Parallel(
        Step(slow, output_var="a"), Step(fast, output_var="b"), Step(awaited, output_var="c"),
        Step(fast, condition="no", output_var="d"),
    )  # fmt: skip
    outcome = outcome_of(block)
    assert list(outcome.variables.items()) == [("a", "slow"), ("b", "fast"), ("c", "awaited")]
    assert outcome.output == {"slow": "slow", "fast": "fast", "awaited": "awaited", "fast#2": None}
    assert [child.status for child in outcome.children] == ["done", "done", "done", "skipped"]


def test_parallel_steps_see_the_scope_as_it_was():
    """What one writes is not there for the others."""
    block = Parallel(
        Step(add, input={"x": "{{ n }}"}, output_var="n"), Step(add, input={"x": "{{ n }}"}, output_var="m")
    )
    assert outcome_of(block, {"n": 1}).variables == {"n": 2, "m": 2}


def test_the_first_error_cancels_the_rest_of_a_block():
    """Async siblings are cancelled, later ones not begun, and nothing is written."""
    begun, cancelled = threading.Event(), threading.Event()

    async def waits():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    def breaks():
        assert begun.wait(20)
        raise ValueError("broken")

    block = Parallel(
        Step(waits, output_var="a"), Step(breaks), Step(add, input={"x": 1}, output_var="b"), max_parallel=2
    )
    outcome = outcome_of(block)
    assert cancelled.wait(20)
    assert (outcome.status, str(outcome.error), outcome.variables) == ("failed", "broken", {})
    assert [child.status for child in outcome.children] == ["skipped", "failed", "skipped"]


def test_a_part_that_cannot_be_stopped_is_left_behind():
    """A function in a C call does not hold up a block that has failed; the outcome says that its thread goes on."""
    locks, begun, over = [], threading.Event(), threading.Event()

    def waits():
        lock = locks[-1]
        begun.set()
        try:
            lock.acquire()
        finally:
            over.set()

    def breaks():
        assert begun.wait(20)
        raise ValueError("broken")

    for parts in (
        (Step(waits), Step(breaks)),
        (Step(waits, timeout_ms=100_000), Step(breaks)),
        (Step(waits, foreach=[1], max_parallel=2), Step(breaks)),
    ):
        begun.clear()
        over.clear()
        locks.append(threading.Lock())
        with locks[-1]:
            outcome = outcome_of(Parallel(*parts))
            assert not over.is_set()
        assert over.wait(20)
        assert (str(outcome.error), outcome.abandoned) == ("broken", True)
        assert [child.status for child in outcome.children] == ["skipped", "failed"]
        left = "'waits' did not end when it was stopped and was abandoned on its thread"
        assert str(outcome.children[0].error) == left


def test_a_step_of_a_block_may_fail_when_it_says_so():
    """``continue`` of one step, or of the whole block, lets the others finish."""
    one = Parallel(
        Step(fail, error_policy="continue", output_var="a"), Step(add, input={"x": 1}, output_var="b")
    )
    whole = Parallel(
        Step(fail, output_var="a"), Step(add, input={"x": 1}, output_var="b"), error_policy="continue"
    )
    for block in (one, whole):
        outcome = outcome_of(block)
        assert (outcome.status, outcome.variables) == ("done", {"b": 2})
        assert [child.status for child in outcome.children] == ["failed", "done"]


def test_a_waiting_retry_of_a_block_is_stopped():
    """A step that waits for its next attempt does not hold up a block that has failed."""
    tried = threading.Event()

    def flaky():
        tried.set()
        raise ConnectionError

    def breaks():
        assert tried.wait(20)
        raise ValueError("broken")

    block = Parallel(Step(flaky, retry={"attempts": 2, "backoff": 1000, "max_backoff": 1000}), Step(breaks))
    outcome = outcome_of(block)
    assert str(outcome.error) == "broken"


def test_a_block_takes_its_steps_as_a_list_too():
    steps = [Step("a", output_var="x"), Step("b", output_var="y")]
    assert Parallel(parallel=steps) == Parallel(*steps)
    with pytest.raises(SpecError, match=r"parallel: must be a list of steps, not 3 \(integer\)"):
        Parallel(parallel=3)
