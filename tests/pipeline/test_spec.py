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
from pforge_lab.pipeline.signatures import signature_of
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Parallel, Step


def load(source: str):
    return source


def clean(load, keep=True):
    return load


class Store:
    """Something that runs hand out."""

    __handed_out_by_runs__ = True


def use(x, store: Store, other: Store | None = None):
    return (x, store, other)


def count(clean, by: str = "carrier", limit: int | None = None):
    return len(clean)


def test_from_functions_names_everything():
    """Parameters take variables of the same name, what no function gives becomes a param."""
    pipeline = Pipeline.from_functions("daily", load, clean, count)
    assert pipeline.labels == ("load", "clean", "count")
    assert [step.output_var for step in pipeline.steps] == ["load", "clean", "count"]
    assert pipeline.steps[1].input == {"load": "{{ load }}", "keep": "{{ keep }}"}
    assert {name: (param.type, param.is_required) for name, param in pipeline.params.items()} == {
        "source": ("string", True), "keep": ("any", False), "by": ("string", False), "limit": ("integer", False),
    }  # fmt: skip
    assert pipeline.check_params({"source": "x"}) == {
        "source": "x",
        "keep": True,
        "by": "carrier",
        "limit": None,
    }


def test_from_functions_leaves_defaults_that_are_no_data_to_the_function(run_all):
    """An object as a default is no param; the function uses it."""
    marker = object()

    def make(x, how=marker):
        return how is marker and x

    scope, _ = run_all(Pipeline.from_functions("p", make), {"x": 3})
    assert scope == {"x": 3, "make": 3}


def test_from_functions_refuses_orders_that_cannot_work(message_of):
    """A function cannot need itself, or a later one; two cannot share a name."""
    message = message_of(SpecError, Pipeline.from_functions, "p", clean, load, load)
    assert "steps.0: 'clean' needs 'load', which comes later; put it after what it needs" in message
    assert "steps.2: two functions are named 'load'" in message


def test_a_resource_is_no_param(run_all):
    """A parameter annotated with a type that runs hand out is given by the run."""
    pipeline = Pipeline.from_functions("p", use)
    assert list(pipeline.params) == ["x"]
    store = Store()
    scope, _ = run_all(pipeline, {"x": 1}, resources={Store: store})
    assert scope["use"] == (1, store, store)
    _, (outcome,) = run_all(pipeline, {"x": 1})
    assert "needs a Store, and this run has none to hand out" in str(outcome.error)


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


def test_signatures_give_types():
    """Annotations that map are types; docstrings and unknown names do no harm."""

    def f(a: int, b: "list[str]", c: dict | None = None, d: "Unknown" = 1, e=2.5, *args, **kwargs):  # noqa: F821, UP037
        ...

    signature = signature_of(f)
    assert {n: p.type for n, p in signature.params.items()} == {
        "a": "integer", "b": "array", "c": "object", "d": "any", "e": "any",
    }  # fmt: skip
    assert signature.open
    assert signature.required == {"a", "b"}


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


def documented(source: str, by="carrier", *, limit=3):
    """Read.

    Parameters
    ----------
    source : str
        A CSV file,
        or a folder.
    by, limit
        What is counted.

    Returns
    -------
    object
        Something else.
    """


def test_docstrings_describe_params():
    """In numpy's style; what follows the section is no parameter."""
    params = Pipeline.from_functions("p", documented).params
    assert {name: param.description for name, param in params.items()} == {
        "source": "A CSV file, or a folder.",
        "by": "What is counted.",
        "limit": "What is counted.",
    }


def test_functions_that_share_a_param():
    """A default counts for both; two different ones cannot be meant."""

    def one(by: str, limit=3): ...

    def two(by="carrier", limit=3): ...

    def three(limit=5): ...

    params = Pipeline.from_functions("p", one, two).params
    assert {name: (param.type, param.default) for name, param in params.items()} == {
        "by": ("string", "carrier"),
        "limit": ("any", 3),
    }
    with pytest.raises(SpecError, match="'limit' is 5 by default here and 3 in a function before"):
        Pipeline.from_functions("p", one, three)
