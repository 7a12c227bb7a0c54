"""Every row of the design's table of bad input but those of stores: one clear line that says what, where, and the next move."""

from __future__ import annotations

import textwrap

import pytest

import pforge_lab as pf
from tests.messages import one_line


@pytest.fixture
def load(tmp_path):
    """Return a function that loads YAML from a file."""

    def load(text, name="day.yaml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return pf.load_pipeline(path)

    return load


# -- YAML that is broken, has an unknown field, a duplicate tool, an unknown tool in a step


def test_broken_yaml_names_file_and_line(load):
    with pytest.raises(pf.SpecError) as caught:
        load("name: x\nsteps:\n  - { tool: a\n")
    assert "day.yaml:" in one_line(caught)


def test_yaml_faults_are_told_all_at_once_with_file_line_field_and_near_misses(load):
    with pytest.raises(pf.SpecError) as caught:
        load("""\
            name: x
            tools:
              - { type: native, name: double, handler: { path: "m:double" } }
              - { type: native, name: double, handler: { path: "m:double" } }
            steps:
              - { tool: double, outputvar: y }
              - { tool: doubel }
            """)
    told = [str(fault) for fault in caught.value.faults]
    lines = str(caught.value).splitlines()
    assert len(told) == len(lines) >= 2
    assert all("day.yaml:" in line for line in lines)
    text = str(caught.value)
    assert "steps.0.outputvar: unknown field 'outputvar', did you mean 'output_var'?" in text
    assert any(word in text for word in ("duplicate", "twice", "already"))
    assert {fault.line for fault in caught.value.faults} >= {4, 6}


def test_an_unknown_tool_in_a_step_names_near_ones(load):
    with pytest.raises(pf.SpecError) as caught:
        load("""\
            name: x
            tools:
              - { type: native, name: double, handler: { path: "m:double" } }
            steps:
              - { tool: doubel }
            """)
    message = one_line(caught)
    assert "day.yaml:5" in message
    assert "unknown tool 'doubel', did you mean 'double'?" in message


# -- missing, extra or wrongly typed param


def test_params_are_checked_before_anything_runs_all_at_once(memory_url):
    called = []

    def tool(n: int, text: str):
        called.append(1)

    pipeline = pf.Pipeline(
        "p",
        params={"n": {"type": "integer", "max": 5}, "text": "string"},
        steps=[pf.Step(tool, input={"n": "{{ n }}", "text": "{{ text }}"})],
    )
    with pytest.raises(pf.ParamError) as caught:
        pipeline.start({"n": 7, "txt": "x"}, state=memory_url)
    assert len(caught.value.faults) == 3
    assert {fault.field.split(": ")[-1] for fault in caught.value.faults} == {"n", "txt", "text"}
    assert "did you mean 'text'?" in str(caught.value)
    assert called == []
    assert pf.runs(state=memory_url).empty


# -- undefined variable in a template


def test_an_undefined_variable_names_step_expression_and_what_is_defined(memory_url):
    def tool(x):
        return x

    pipeline = pf.Pipeline(
        "p", params={"frame": "any"}, steps=[pf.Step(tool, input={"x": "{{ farme }}"}, label="first")]
    )
    run = pipeline.start({"frame": 1}, state=memory_url)
    with pytest.raises(pf.StepError) as caught:
        run.step()
    message = one_line(caught)
    assert "'first'" in message
    assert "farme" in message
    assert "'frame'" in message
    cause = caught.value.__cause__
    assert isinstance(cause, pf.TemplateError)
    assert (cause.step, cause.defined) == ("first", ("frame",))
    assert "farme" in cause.expression


# -- tool raises; timeout


def test_a_tool_that_raises_is_told_with_its_place_and_the_next_move(memory_url):
    def tool():
        return {}["dep_delay"]

    run = pf.Pipeline.from_functions("p", tool).start(state=memory_url)
    with pytest.raises(pf.StepError) as caught:
        run.step()
    message = one_line(caught)
    assert "step 1 'tool' failed: KeyError: 'dep_delay' (in tool, test_errors_bad_input.py:" in message
    assert "the run is at position 0 with the variables as before the step: mend it and step again" in message
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_timeout_is_told_with_its_limit(memory_url):
    async def tool():
        import asyncio

        await asyncio.Event().wait()

    run = pf.Pipeline("p", steps=[pf.Step(tool, timeout_ms=50)]).start(state=memory_url)
    with pytest.raises(pf.StepTimeout) as caught:
        run.step()
    assert "took longer than 0.05 s" in one_line(caught)
    assert caught.value.seconds == 0.05


# -- value that cannot be serialised


def test_a_value_that_was_not_kept_names_the_reason_and_the_step_to_run_again(memory_url):
    def stream():
        return (i for i in range(3))

    run = pf.Pipeline.from_functions("p", stream).start(state=memory_url)
    run.step()
    run.goto(0)
    run.goto(1)
    with pytest.raises(pf.NotKept) as caught:
        run["stream"]
    message = one_line(caught)
    assert "variable 'stream' was not kept" in message
    assert "cannot pickle 'generator' object" in message
    assert "run step 'stream' again" in message
    assert "stream" in repr(run)


# -- positions, labels, variables, runs


def test_what_is_not_there_is_answered_with_what_is(memory_url):
    def first():
        return 1

    def second(first):
        return 2

    run = pf.Pipeline.from_functions("p", first, second).start(state=memory_url)
    run.step()
    for kind, ask, answer in (
        (pf.PositionError, lambda: run.goto("secnd"), "did you mean 'second'?"),
        (pf.PositionError, lambda: run.goto("second"), "finish(until='second')"),
        (pf.PositionError, lambda: run.goto(7), "from 0 to 1"),
        (pf.PositionError, lambda: run.back(7), "takes 0 to 1"),
        (pf.PositionError, lambda: run.finish(until="x"), "there are 'first', 'second'"),
        (pf.PositionError, lambda: run.switch(4), "there are 0 to 0"),
        (pf.VariableNotFound, lambda: run["frist"], "did you mean 'first'?"),
        (pf.VariableNotFound, lambda: run.at(0)["first"], "at the start (position 0)"),
        (pf.RunNotFound, lambda: pf.open_run("x", state=memory_url), f"there are '{run.id}'"),
        (pf.UsageError, lambda: run.goto(None), "a position or a label"),
        (pf.UsageError, lambda: pf.open_state("lab.xyz"), "zodb:lab.xyz"),
    ):
        with pytest.raises(kind) as caught:
            ask()
        assert answer in one_line(caught)
    assert run.position == 1
