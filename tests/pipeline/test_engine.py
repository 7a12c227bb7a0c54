"""One step: condition, input, call, and what it comes to."""

from __future__ import annotations

import asyncio
import threading

import pandas as pd
import pytest

from pforge_lab.errors import ParamError, SpecError, StepTimeout, TemplateError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Parallel, Step
from pforge_lab.pipeline.tools import tool
from tests.pipeline.outcomes import add, fail, outcome_of


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
    assert cancelled.wait(60)


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
