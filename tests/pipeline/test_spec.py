"""Pipelines are checked as a whole, and are plain data but for their functions."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pforge_lab.errors import ParamError, SpecError
from pforge_lab.pipeline.loader import loads
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Parallel, Step
from tests.pipeline.outcomes import clean, load


def test_labels_are_unique():
    """Repeated default labels get ``#2``, also where an explicit label is in the way."""
    pipeline = Pipeline("p", steps=[load, load, Step(clean, label="x"), Step(load), clean])
    assert pipeline.labels == ("load", "load#2", "x", "load#3", "clean")


def test_functions_of_one_name_stay_apart(run_all):
    """Two lambdas are two tools."""
    steps = [
        Step(lambda: 1, output_var="a"),
        Step(lambda: 2, output_var="b"),
        Step(lambda: 1 / 1, output_var="c"),
    ]
    pipeline = Pipeline("p", steps=steps)
    assert list(pipeline.functions()) == ["<lambda>", "<lambda>#2", "<lambda>#3"]
    assert run_all(pipeline)[0] == {"a": 1, "b": 2, "c": 1.0}
    rebuilt = Pipeline.from_dict(pipeline.to_dict(), functions=pipeline.functions())
    assert run_all(rebuilt)[0] == {"a": 1, "b": 2, "c": 1.0}


def test_a_tool_with_a_fault_of_its_own_is_no_unknown_tool(message_of):
    """Its fault is told alone."""
    text = "name: p\ntools:\n  - {type: cli, name: a}\nsteps:\n  - tool: a\n  - tool: zz_none\n"
    message = message_of(SpecError, loads, text)
    assert "tools.0.command: the field 'command' is missing" in message
    assert "unknown tool 'a'" not in message
    assert "unknown tool 'zz_none'" in message


def test_all_faults_are_told_at_once():
    """Fields, templates, labels, transitions, tools and params in one `SpecError`, in terms of the definition."""
    with pytest.raises(SpecError) as caught:
        Pipeline(
            "p",
            params={"a": "strng", "not": "any", "b c": "any"},  # codespell:ignore strng
            steps=[
                {"tool": load, "inptu": {}},
                {"tool": "flights_"},
                {"tool": load, "label": "x", "condition": "a >"},
                {"tool": clean, "input": {"load": "{{ ("}, "output_var": "1a"},
                {"tool": load, "label": "x"},
                5,
            ],
            max_steps=0,
            memory={"drop_unsed": True},
        )
    told = {fault.field: fault.message for fault in caught.value.faults}
    assert told["steps.0.inptu"] == "unknown field 'inptu', did you mean 'input'?"
    assert told["steps.1.tool"].startswith("unknown tool 'flights_'")
    assert "end of print statement" in told["steps.2.condition"]
    assert told["steps.3.output_var"] == "'1a' is no name of a variable; use letters, digits and '_'"
    assert "steps.3.input.load" in told
    assert told["steps.5"] == "must be a mapping with 'tool', not 5 (integer)"
    assert told["params.a"] == "unknown type 'strng', did you mean 'string'?"
    assert told["max_steps"] == "must be at least 1, not 0 (integer)"
    assert told["memory.drop_unsed"] == "unknown field 'drop_unsed', did you mean 'drop_unused'?"


def test_names_that_templates_cannot_read_are_refused(message_of):
    """A param named ``not`` could never be used."""
    message = message_of(SpecError, Pipeline, "p", params={"not": "any", "b c": "any"})
    assert "params.not: 'not' is a word of templates; use another name" in message
    assert "params.b c: 'b c' is no name of a variable" in message


def test_explicit_labels_twice_and_unknown_targets(message_of):
    """Labels are taken once; a goto must lead somewhere."""
    message = message_of(
        SpecError, Pipeline, "p", steps=[Step(load, label="x"), Step(clean, label="x", next="y")]
    )
    assert "steps.1.label: the label 'x' is taken by step 1; choose another" in message
    assert "steps.1.next.0.goto: no step 'y'; there are 'end', 'x'" in message


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": ""}, "name: must not be empty"),
        ({"name": 5}, "name: must be a string, not 5 (integer)"),
        ({"keep": "x"}, "keep: must be a"),
        ({"steps": "x"}, "steps: must be a list of steps, not 'x' (string)"),
        ({"tools": "x"}, "tools: must be a list of tools"),
        ({"timeout_ms": -1}, "timeout_ms: must be above 0, not -1"),
        ({"outputs": 1}, "unknown field 'outputs'"),
    ],
)
def test_wrong_heads(fields, told, message_of):
    """The simple fields are checked as well."""
    assert told in message_of(SpecError, Pipeline.from_dict, {"name": "p", "steps": [], **fields})


def test_check_params_takes_no_surprises(message_of):
    """Only declared names, only the right types, not even a list of names."""
    pipeline = Pipeline("p", params={"x": "integer"})
    assert "must be an integer, not '3'" in message_of(ParamError, pipeline.check_params, {"x": "3"})
    assert "must be a mapping" in message_of(ParamError, pipeline.check_params, [("x", 3)])
    assert "missing" in message_of(ParamError, pipeline.check_params, None)


def test_without_declared_params_the_names_that_are_read_may_be_given(message_of):
    """Pipelines of pforge often declare none; a name that nothing reads is still a fault."""
    pipeline = Pipeline("p", steps=[Step(load, input={"source": "{{ where }}"}, condition="flag")])
    assert pipeline.check_params({"where": 1, "flag": True}) == {"where": 1, "flag": True}
    assert pipeline.check_params({}) == {}
    assert "did you mean 'where'?" in message_of(ParamError, pipeline.check_params, {"whera": 1})


def test_params_that_are_declared_as_none_take_nothing(message_of):
    """``params: {}`` is a declaration."""
    assert "there are none" in message_of(ParamError, Pipeline("p", params={}).check_params, {"x": 1})


def full_pipeline():
    return Pipeline(
        "full",
        params={"x": "integer", "l": {"type": "array", "items": "integer", "default": [1, 2]}},
        steps=[
            Step(load, input={"source": "{{ x }}"}, output_var="a", retry=3, timeout_ms=1000, description="d"),
            Parallel(Step(load, input={"source": 1}, output_var="b"), Step(clean, input={"load": 2}, output_var="c")),
            Step(load, foreach="{{ l }}", as_="one", input={"source": "{{ one }}"}, max_parallel=2, output_var="all"),
            Step(load, label="poll", input={"source": {"a": [None, True, 1.5, "{{ x }}"]}}, error_policy="continue",
                 condition="x > 1 and !y", next=[{"if": "x", "goto": "end"}, {"goto": "poll"}]),
        ],
        memory={"drop_unused": True}, keep=["a"], description="all there is", max_steps=50,
    )  # fmt: skip


def test_a_definition_survives_dicts_json_yaml_and_pickle():
    """All forms give an equal pipeline with the same digest."""
    pipeline = full_pipeline()
    data = json.loads(json.dumps(pipeline.to_dict()))
    again = [
        Pipeline.from_dict(data),
        pipeline.bind({}),
        pickle.loads(pickle.dumps(pipeline)),
        loads_with(pipeline),
    ]
    assert all(other == pipeline and other.digest == pipeline.digest for other in again)
    assert again[2].functions() == pipeline.functions()


def loads_with(pipeline):
    text = (
        pipeline.to_yaml()
        .replace("tool: load", "tool: builtins:load")
        .replace("tool: clean", "tool: builtins:clean")
    )
    other = loads(text)
    data = json.loads(json.dumps(other.to_dict()).replace("builtins:", ""))
    return Pipeline.from_dict(data)


def test_digests_tell_steps_apart():
    """A change of one step changes its digest and the pipeline's, and no other step's."""
    one, other = full_pipeline(), full_pipeline()
    data = other.to_dict()
    data["steps"][2]["max_parallel"] = 3
    changed = Pipeline.from_dict(data)
    assert one.digest == other.digest != changed.digest
    same = [a == b for a, b in zip(one.step_digests, changed.step_digests, strict=True)]
    assert same == [True, True, False, True]


def test_digests_are_the_same_in_every_process():
    """Hash seeds do not count."""
    code = (
        "from pforge_lab.pipeline.spec import Pipeline\n"
        "p = Pipeline('p', params={'b': 'any', 'a': 'string'}, steps=[{'tool': 'json:dumps', 'input': {'obj': 1}}])\n"
        "print(p.digest, p.step_digests, p.fingerprint(0))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True,
            cwd=Path(__file__).parents[2],
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(seen) == 1


def test_binding_functions_gives_tools_to_a_stored_definition(run_all):
    """A definition without its functions opens, and runs once they are bound."""
    stored = Pipeline.from_dict({"name": "p", "steps": [{"tool": "stored_tool", "output_var": "x"}]})
    _, (outcome,) = run_all(stored)
    assert "unknown tool 'stored_tool'" in str(outcome.error)
    assert run_all(stored.bind({"stored_tool": lambda: 5}))[0] == {"x": 5}


def test_schema():
    """The params as JSON schema, with bounds, defaults and what is required."""
    schema = full_pipeline().schema()
    assert schema["properties"] == {
        "x": {"type": "integer"},
        "l": {"type": "array", "items": {"type": "integer"}, "default": [1, 2]},
    }
    assert (schema["required"], schema["additionalProperties"], schema["title"]) == (["x"], False, "full")


def test_a_block_knows_its_faults(message_of):
    """Blocks hold steps that write different variables, and go nowhere by themselves."""
    message = message_of(
        SpecError, Parallel, Step("a", output_var="x"), Step("b", output_var="x", next="a"),
        {"parallel": [{"tool": "c"}]}, {"tol": "c"},
    )  # fmt: skip
    assert "parallel.1.output_var: 'x' is written twice in one block" in message
    assert "parallel.1.next: a step inside a block goes nowhere" in message
    assert "parallel.2: a parallel block holds no further blocks" in message
    assert "parallel.3.tol: unknown field 'tol', did you mean 'tool'?" in message
    assert "a parallel block needs steps" in message_of(SpecError, Parallel)


def test_repr_and_hash():
    """A pipeline shows its steps, and can be a key."""
    pipeline = Pipeline.from_functions("daily", load, clean)
    assert repr(pipeline) == "<Pipeline 'daily': load -> clean>"
    assert len({pipeline, Pipeline.from_functions("daily", load, clean)}) == 1
