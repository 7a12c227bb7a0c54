"""One step: condition, input, call, retry, timeout, and what it comes to."""

from __future__ import annotations

import asyncio
import threading
import time

import pandas as pd
import pytest

from pforge_lab.errors import ParamError, SpecError, StepTimeout, TemplateError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Parallel, Step
from pforge_lab.pipeline.tools import tool


def outcome_of(step, scope=None, **options):
    return execute(Pipeline("p", steps=[step]), 0, scope or {}, **options)


def add(x, y=1):
    return x + y


def fail(message="no"):
    raise ValueError(message)


def test_a_step_that_is_done():
    """Output, variables and attempts are told; the scope is not changed."""
    scope = {"n": 2}
    outcome = outcome_of(Step(add, input={"x": "{{ n }}"}, output_var="m"), scope)
    assert (outcome.status, outcome.output, outcome.variables, outcome.attempts) == ("done", 3, {"m": 3}, 1)
    assert (outcome.error, outcome.children, outcome.abandoned, outcome.next_step) == (None, (), False, None)
    assert scope == {"n": 2}
    assert 0 < outcome.seconds < 5


def test_the_very_object_reaches_the_tool_and_comes_back():
    """No copies: identity holds through input and output."""
    frame = pd.DataFrame({"a": [1]})
    assert outcome_of(Step(lambda frame: frame, input={"frame": "{{ f }}"}), {"f": frame}).output is frame


def test_a_step_whose_condition_does_not_hold():
    """It is skipped; nothing is called, nothing rendered."""
    outcome = outcome_of(Step(fail, input={"message": "{{ nope }}"}, condition="nope"))
    assert (outcome.status, outcome.attempts, outcome.variables) == ("skipped", 0, {})


def test_an_error_is_told_as_it_was_raised():
    """Type, message and traceback are the tool's own."""
    outcome = outcome_of(Step(fail, output_var="x", error_policy="continue"))
    assert (outcome.status, outcome.variables, outcome.attempts) == ("failed", {}, 1)
    assert isinstance(outcome.error, ValueError)
    assert outcome.error.__traceback__.tb_next is not None


@pytest.mark.parametrize("stopper", [KeyboardInterrupt, SystemExit])
def test_what_ends_programs_passes_through(stopper):
    """An interrupt is the user's, not the step's."""

    def stop():
        raise stopper

    with pytest.raises(stopper):
        outcome_of(Step(stop, retry=3))


def test_a_template_error_names_the_step():
    """Step, expression and defined names, in the message and as attributes."""
    outcome = outcome_of(Step(add, input={"x": "{{ nope }}"}, label="sum"), {"n": 1})
    assert isinstance(outcome.error, TemplateError)
    assert str(outcome.error) == "step 'sum': '{{ nope }}': 'nope' is not defined. Defined: 'n'"
    assert (outcome.error.step, outcome.error.expression, outcome.error.name) == ("sum", "{{ nope }}", "nope")
    assert outcome.attempts == 0


def test_a_condition_that_cannot_be_evaluated_fails_the_step():
    """It is not taken for false."""
    outcome = outcome_of(Step(add, condition="n > 'a'"), {"n": 1})
    assert outcome.status == "failed"
    assert "step 'add': \"n > 'a'\": TypeError" in str(outcome.error)


def test_wrong_arguments_are_told_all_at_once_before_the_call():
    """Missing and unknown ones, with near misses, as `ParamError` with the step."""
    outcome = outcome_of(Step(add, input={"z": 1, "yy": 2}))
    assert isinstance(outcome.error, ParamError)
    assert str(outcome.error).splitlines() == [
        "step 'add': z: 'add' takes no such argument; there are 'x', 'y'",
        "step 'add': yy: 'add' takes no such argument, did you mean 'y'?",
        "step 'add': x: missing; 'add' needs it",
    ]


def test_an_input_that_is_no_mapping():
    """``input: "{{ name }}"`` must give arguments."""
    assert outcome_of(Step(add, input="{{ args }}"), {"args": {"x": 1, "y": 5}}).output == 6
    assert "must be a mapping of arguments, not 3 (integer)" in str(
        outcome_of(Step(add, input="{{ a }}"), {"a": 3}).error
    )


def test_functions_take_arguments_in_every_form():
    """Keyword-only, positional-only, open, builtin and class alike."""

    def forms(a, /, b, *, c, **more):
        return (a, b, c, more)

    assert outcome_of(Step(forms, input={"a": 1, "b": 2, "c": 3, "d": 4})).output == (1, 2, 3, {"d": 4})
    assert outcome_of(Step(len, input={"obj": "abc"})).output == 3
    assert outcome_of(Step(dict, input={"a": 1})).output == {"a": 1}
    assert outcome_of(Step("builtins:sorted", input={"iterable": [2, 1]})).error is None


def test_async_functions():
    """They run on the bridge, with a timeout that cancels them."""
    cancelled = threading.Event()

    async def double(x):
        await asyncio.sleep(0)
        return 2 * x

    async def never():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    assert outcome_of(Step(double, input={"x": 4})).output == 8
    outcome = outcome_of(Step(never, timeout_ms=20))
    assert isinstance(outcome.error, StepTimeout)
    assert "took longer than 0.02 s and was cancelled; raise timeout_ms" in str(outcome.error)
    assert not outcome.abandoned
    assert cancelled.wait(5)


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
    assert ended.wait(10)


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


def test_options_of_the_tool_hold_unless_the_step_has_its_own():
    """``@tool`` gives retry and timeout; a step overrides them."""

    @tool(name="test_engine_flaky", retry={"attempts": 2, "backoff": 0}, timeout=5)
    def flaky():
        raise ValueError

    assert outcome_of(Step("test_engine_flaky")).attempts == 2
    assert outcome_of(Step(flaky)).attempts == 2
    assert outcome_of(Step(flaky, retry={"attempts": 3, "backoff": 0})).attempts == 3


def test_next_goes_where_it_says():
    """The first transition that holds wins; without one the next step follows."""
    steps = [
        Step(add, input={"x": "{{ n }}"}, output_var="n", label="count",
             next=[{"if": "n < 3", "goto": "count"}, {"if": "n == 7", "goto": "end"}]),
        Step(add, label="last", input={"x": 0}),
    ]  # fmt: skip
    pipeline = Pipeline("p", steps=steps)
    assert [execute(pipeline, 0, {"n": n}).next_step for n in (0, 6, 4)] == [0, 2, None]
    assert execute(pipeline, 1, {}).next_step is None


def test_a_step_that_was_skipped_goes_nowhere():
    """``next`` belongs to what was done."""
    assert outcome_of(Step(add, condition="no", next="end")).next_step is None


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


def test_an_unknown_tool_fails_its_step_with_near_misses():
    """A stored definition may name what is not here."""
    pipeline = Pipeline.from_dict({"name": "p", "steps": [{"tool": "test_engin_flaky"}]})
    tool(name="test_engine_flaky2")(add)
    outcome = execute(pipeline, 0, {})
    assert isinstance(outcome.error, SpecError)
    assert "unknown tool 'test_engin_flaky', did you mean" in str(outcome.error)


def test_a_definition_is_not_changed_by_its_tools():
    """Containers in an input are made anew for each call."""
    pipeline = Pipeline("p", steps=[Step(lambda values: values.append(1), input={"values": []})])
    digest = pipeline.digest
    execute(pipeline, 0, {})
    assert pipeline.steps[0].input == {"values": []}
    assert Pipeline.from_dict(pipeline.to_dict()).digest == digest


def test_only_what_a_step_reads_is_looked_up():
    """A scope may load its variables when they are asked for; no form of step asks for all."""
    asked = []

    class Lazy(dict):
        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

    steps = [
        Step(add, input={"x": "{{ a }}"}, output_var="o", next=[{"if": "o > 100", "goto": "end"}]),
        Step(add, foreach="{{ l }}", input={"x": "{{ item + a }}"}, output_var="o"),
        Parallel(Step(add, input={"x": "{{ a }}"}), Step(add, input={"x": "t {{ a }}", "y": ""})),
    ]
    pipeline = Pipeline("p", steps=steps)
    for i in range(3):
        assert execute(pipeline, i, Lazy(a=1, l=[1], big="never")).status == "done"
    assert "big" not in asked


def test_an_attempt_that_was_abandoned_is_told_although_a_later_one_worked():
    """The objects of the first attempt belong to its thread."""
    release = threading.Event()
    tried = []

    def slow_once():
        tried.append(1)
        if len(tried) == 1:
            release.wait(30)
        return "ok"

    outcome = outcome_of(Step(slow_once, timeout_ms=200, retry={"attempts": 2, "backoff": 0}))
    release.set()
    assert (outcome.status, outcome.output, outcome.attempts, outcome.abandoned) == ("done", "ok", 2, True)
