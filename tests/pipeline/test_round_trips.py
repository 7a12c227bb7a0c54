"""A pipeline written as YAML loads to an equal one, whatever it holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st

from pforge_lab.errors import SpecError
from pforge_lab.pipeline.loader import loads
from pforge_lab.pipeline.spec import Pipeline

names = st.sampled_from(["x", "y_1", "größe", "item2"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda text: "{{" not in text and "{%" not in text
)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False)
plain = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | texts
    | st.sampled_from(["yes", "1e3", "0x1f", "~", "null", " x ", "a: b", "- a", "#", "\t", "1_0", "<<"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
templates = st.sampled_from(
    ["{{ x }}", "{{ x.y.0 }}", "{{ x + 1 }}", "a {{ y_1 | length }} b", "{{ größe }}", "{{ '}}' }}"]
)
conditions = st.sampled_from(["x", "!x", "x > 1 and not y_1", "'a: b' == x"])
params = st.dictionaries(
    names,
    st.sampled_from(["string", "integer", "any"])
    | st.fixed_dictionaries(
        {"type": st.just("any")}, optional={"default": plain, "description": texts, "required": st.booleans()}
    )
    | st.fixed_dictionaries(
        {"type": st.just("number"), "default": st.just(5)},
        optional={"min": st.integers(0, 5), "max": st.just(9.5)},
    )
    | st.just({"type": "array", "items": {"type": "string", "enum": ["a", "yes"]}}),
    max_size=3,
)
options = {
    "condition": conditions,
    "error_policy": st.sampled_from(["fail_fast", "continue"]),
    "description": texts,
    "next": st.lists(
        st.fixed_dictionaries({"goto": st.just("end")}, optional={"if": conditions}), max_size=2
    ),
}
step = st.fixed_dictionaries(
    {"tool": st.sampled_from(["builtins:len", "a.b:c", "one", "two"])},
    optional=options | {
        "input": st.dictionaries(texts, plain | templates, max_size=3) | st.just("{{ x }}"),
        "output_var": names,
        "retry": st.integers(1, 5) | st.just({"attempts": 2, "backoff": 0.5}),
        "timeout_ms": st.integers(1, 10_000) | st.just(0.5),
        "foreach": st.just("{{ x }}") | st.lists(plain, max_size=2),
        "as": names,
        "max_parallel": st.integers(1, 4),
    },
)  # fmt: skip


def without_next(data):
    """Return a step as a block may hold it."""
    return {name: value for name, value in data.items() if name not in {"next", "output_var"}}


block = st.fixed_dictionaries(
    {"parallel": st.lists(step.map(without_next), min_size=1, max_size=3)},
    optional=options | {"max_parallel": st.integers(1, 3)},
)
tools = [
    {
        "type": "native",
        "name": "one",
        "handler": {"path": "a::b"},
        "params": {"x": "string"},
        "timeout_ms": 5,
    },
    {
        "type": "pipeline",
        "name": "two",
        "steps": [{"tool": "three", "input": {"y": "{{ x }}"}}],
        "params": {},
    },
    {
        "type": "cli",
        "name": "three",
        "command": "ls",
        "args": ["{{ y }}", 1, "yes"],
        "env": {"A": "${HOME}"},
        "retry": 2,
    },
    {
        "type": "http",
        "name": "four",
        "endpoint": "http://x",
        "auth": {"type": "bearer", "token": "${T}"},
        "body": {"a": [1]},
    },
]
pipelines = st.fixed_dictionaries(
    {"name": texts.filter(bool), "steps": st.lists(step | block, max_size=4), "tools": st.just(tools)},
    optional={
        "params": params, "description": texts, "keep": st.lists(names, max_size=2), "max_steps": st.integers(1, 99),
        "memory": st.just({"drop_unused": True}), "timeout_ms": st.just(10),
    },
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(data=pipelines)
def test_yaml_and_json_give_equal_pipelines(data):
    """Also texts that YAML would take for something else, and numbers as they are."""
    pipeline = Pipeline.from_dict(data)
    loaded = loads(pipeline.to_yaml())
    assert loaded == pipeline
    assert loaded.to_dict() == pipeline.to_dict()
    assert loaded.step_digests == pipeline.step_digests
    assert Pipeline.from_dict(json.loads(json.dumps(pipeline.to_dict()))).to_dict() == pipeline.to_dict()
    assert pipeline.dataflow().step.unique().tolist() == list(range(len(pipeline.steps) + 1))


@settings(deadline=None, max_examples=60)
@given(value=plain)
def test_input_values_keep_their_types(value):
    """An input is after the round trip what it was, ``1`` no ``1.0``, ``"yes"`` no boolean."""
    pipeline = Pipeline.from_dict({"name": "p", "steps": [{"tool": "a:b", "input": {"v": value}}]})
    again = loads(pipeline.to_yaml()).steps[0].input["v"]
    assert json.dumps(again) == json.dumps(value)
    assert pipeline.steps[0].compiled_input.render({})["v"] == value


def nested(levels):
    """Return a list of lists of lists."""
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (10**100, "an integer of more digits than a file can hold (100 with its sign); give it as text"),
        (-(10**200), "an integer of more digits"),
        ("a\ud800", r"holds half a character, '\ud800', which no file can hold"),
        (nested(47), "nested more than 50 levels deep"),
    ],
)
def test_what_no_file_can_hold_is_refused_when_it_is_written(value, told):
    """Not when it is loaded: the text would be lost."""
    pipeline = Pipeline.from_dict({"name": "p", "steps": [{"tool": "a:b", "input": {"v": value}}]})
    with pytest.raises(SpecError) as caught:
        pipeline.to_yaml()
    assert "steps.0.input.v" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("value", [10**100 - 1, -(10**99) + 1, nested(46)])
def test_what_a_file_can_just_hold_is_written(value):
    """The bounds of writing are those of reading."""
    pipeline = Pipeline.from_dict({"name": "p", "steps": [{"tool": "a:b", "input": {"v": value}}]})
    assert loads(pipeline.to_yaml()) == pipeline
