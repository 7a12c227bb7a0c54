"""What a data flow is suspicious of, and that it says nothing which turns out otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from pforge_lab.pipeline.dataflow import flows
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import loads
from pforge_lab.pipeline.settled import settled
from pforge_lab.pipeline.spec import Pipeline


@pytest.mark.parametrize(
    "condition",
    [
        "nope > 3", "nope and x", "x and nope", "nope.part and x", "nope > x", "nope == 1", "nope is defined", "1 > 2",
        "not (x or 1 == 1)", "nope[0] >= x", "nope or 1 > 2", "x if nope and x else nope", "false", "nope | length > 1",
    ],
)  # fmt: skip
def test_conditions_that_hold_never(condition):
    """Whatever `x` is, where nothing can be named `nope`."""
    assert settled(condition, frozenset({"nope"})) is False


@pytest.mark.parametrize(
    "condition",
    [
        "x",
        "x > 3",
        "nope or x",
        "!nope and x",
        "x > nope",
        "x == nope",
        "nope | default(x)",
        "x if x else nope",
    ],
)
def test_conditions_that_depend_on_what_is_there(condition):
    """An undefined name in them does not decide."""
    assert settled(condition, frozenset({"nope"})) is None


@pytest.mark.parametrize("condition", ["1 == 1", "!nope", "not nope and 2 > 1", "nope | default(4) > 3"])
def test_conditions_that_hold_always(condition):
    assert settled(condition, frozenset({"nope"})) is True


def told(steps, params="{}"):
    """Return the warnings of the steps by label."""
    text = f"name: p\nparams: {params}\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)
    return {row.label: row.warnings for row in flows(loads(text)) if row.warnings}


def test_steps_behind_a_transition_that_is_always_taken():
    """They can never run; those behind one that may be are not spoken of."""
    steps = [
        '{ tool: "a:b", label: one, next: [{ if: "1 == 1", goto: three }] }',
        '{ tool: "a:b", label: two }',
        '{ tool: "a:b", label: three, next: [{ if: "x", goto: five }, { if: "1 > 2", goto: four }, { goto: five }] }',
        '{ tool: "a:b", label: four }',
        '{ tool: "a:b", label: five }',
    ]
    assert told(steps, "{ x: any }") == {
        "two": ("can never run: no step leads to it",),
        "four": ("can never run: no step leads to it",),
    }


def test_what_a_step_writes_that_can_never_run_cannot_exist():
    steps = [
        '{ tool: "a:b", label: one, condition: "nope", output_var: made }',
        '{ tool: "a:b", label: two, input: { x: "{{ made }}" } }',
    ]
    assert told(steps)["two"] == ("reads 'made' before it can exist: 'one' writes it later",)


def test_names_that_only_a_carried_run_has():
    """A condition on what a later step writes holds where a run is carried on."""
    steps = [
        '{ tool: "a:b", label: one, condition: "late > 1" }',
        '{ tool: "a:b", label: two, output_var: late }',
    ]
    assert told(steps) == {
        "one": ("its condition 'late > 1' holds only in runs that carry 'late', which 'two' writes later",)
    }
    assert told([steps[0].replace("late > 1", "!late"), steps[1]]) == {}


def test_names_that_a_template_can_do_without():
    """Those with a default, those that are asked for, and those on a way that may not be taken."""
    texts = [
        "{{ a | default(1) }}",
        "{{ a if a is defined else 1 }}",
        "{{ x or a }}",
        "{{ 1 if a else 2 }}",
        "{{ not a }}",
    ]
    for text in texts:
        assert told([f'{{ tool: "a:b", input: {{ x: "{text}" }} }}'], "{ x: any }").get("a:b") is None
    assert told(['{ tool: "a:b", input: { x: "{{ [a, 1] | length }}" } }'])["a:b"]


NAMES = ["a", "b", "c", "gone"]
OPERANDS = st.sampled_from([*NAMES, "a.x", "gone.x", "1", "0", "2 > 1", "1 > 2", "a > 1", "gone > 1", "gone > b",
                            "gone | default(1)", "(a is defined)", "(gone is defined)", "gone == 1", "b == gone"])  # fmt: skip
EXPRESSIONS = st.recursive(
    OPERANDS,
    lambda inner: st.one_of(
        inner.map("(not {})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: "({} {} {})".format(*t)),
        st.tuples(inner, inner, inner).map(lambda t: "({} if {} else {})".format(*t)),
    ),
    max_leaves=5,
)
LABELS = [f"s{i}" for i in range(5)]


@st.composite
def pipelines(draw):
    """Return a pipeline of steps that write names, and go here and there."""
    steps = []
    for label in LABELS:
        step = {"tool": "builtins:repr", "label": label, "input": {"obj": f"{{{{ {draw(EXPRESSIONS)} }}}}"}}
        if draw(st.booleans()):
            step["input"] = {"obj": 1}
        if draw(st.booleans()):
            step["condition"] = draw(EXPRESSIONS)
        if draw(st.booleans()):
            step["output_var"] = draw(st.sampled_from(NAMES[:3]))
        if draw(st.booleans()):
            step["error_policy"] = "continue"
        ways = draw(
            st.lists(st.tuples(st.none() | EXPRESSIONS, st.sampled_from([*LABELS, "end"])), max_size=2)
        )
        if ways:
            step["next"] = [{"goto": goto} | ({} if way is None else {"if": way}) for way, goto in ways]
        if draw(st.integers(0, 4)) == 0:
            step |= {"foreach": draw(st.sampled_from(["{{ [1, 2] }}", "{{ gone }}"]))}
        steps.append(step)
    return Pipeline.from_dict({"name": "p", "params": {"a": {"type": "any", "required": False}}, "steps": steps,
                               "max_steps": 12})  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(pipelines(), st.sampled_from([None, 0, 5, "text", {"x": 1}]))
def test_no_run_shows_a_warning_to_be_wrong(pipeline, value):
    """A step that can never run does not, and one that reads what nothing writes fails."""
    warnings = {row.label: row.warnings for row in flows(pipeline)}
    scope, place = pipeline.check_params({"a": value}), 0
    for _ in range(12):
        if place >= len(pipeline.steps):
            break
        outcome, label = execute(pipeline, place, scope), pipeline.labels[place]
        never = [text for text in warnings[label] if "never run" in text or "holds only in runs" in text]
        assert not never or outcome.status == "skipped" or outcome.attempts == 0, (label, never)
        missing = [text for text in warnings[label] if text.startswith("reads ")]
        assert not missing or outcome.status != "done", (label, missing)
        assert "can never run: no step leads to it" not in warnings[label]
        if outcome.error is not None and pipeline.steps[place].error_policy == "fail_fast":
            break
        scope |= outcome.variables
        place = place + 1 if outcome.next_step is None else outcome.next_step
