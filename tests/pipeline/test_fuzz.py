"""Random documents give pipelines or errors of ours, and nothing else."""

from __future__ import annotations

import json
import os

from hypothesis import HealthCheck, given, settings, strategies as st

from pforge_lab.errors import ParamError, SpecError, TemplateError
from pforge_lab.pipeline.loader import Forge, loads
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.templates import compile_condition, compile_value

FULL = os.environ.get("PFORGE_TEST_FULL") == "1"
OURS = (SpecError, ParamError, TemplateError)
fuzz = settings(
    max_examples=2000 if FULL else 200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

WORDS = [
    "name",
    "params",
    "steps",
    "tools",
    "state",
    "forge",
    "memory",
    "keep",
    "max_steps",
    "description",
    "tool",
    "input",
    "params",
    "output_var",
    "condition",
    "error_policy",
    "retry",
    "timeout_ms",
    "label",
    "foreach",
    "as",
    "max_parallel",
    "next",
    "parallel",
    "if",
    "goto",
    "type",
    "handler",
    "path",
    "command",
    "args",
    "cwd",
    "env",
    "stdin",
    "stream",
    "parse",
    "allow_exit_codes",
    "endpoint",
    "method",
    "headers",
    "query",
    "body",
    "auth",
    "token",
    "stream_to",
    "max_bytes",
    "required",
    "default",
    "min",
    "max",
    "pattern",
    "enum",
    "items",
    "validation",
    "attempts",
    "backoff",
    "drop_unused",
    "backend",
    "version",
    "transport",
]
TEXTS = [
    "string",
    "integer",
    "native",
    "cli",
    "http",
    "pipeline",
    "fail_fast",
    "continue",
    "end",
    "json",
    "GET",
    "bearer",
    "zodb",
    "a:b",
    "builtins:len",
    "x",
    "y",
    "z",
    "{{",
    "x",
    "}}",
    "{{x.y.0}}",
    "{{",
    "x|length>1",
    "}}",
    "{{",
    "{{",
    "}}",
    "{%if%}",
    "!x",
    "x&&y",
    "${HOME}",
    "{{",
    "x.__class__",
    "}}",
    "not",
    "or",
    "<<",
]

texts = st.sampled_from(TEXTS + WORDS) | st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
names = st.sampled_from(WORDS) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)


def mapping(**fields):
    """Return mappings that have some of the fields right, and at times one more that is not."""
    wild = st.dictionaries(names, values, max_size=1)
    known = st.fixed_dictionaries(
        {}, optional={name.rstrip("_"): value | values for name, value in fields.items()}
    )
    return st.builds(lambda a, b: {**b, **a}, known, st.just({}) | wild)


conditions = st.sampled_from(["x", "!x", "x > 1", "x.y", "x and not y", "x >", "", "x | length"])
params = st.dictionaries(
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(["string", "integer", "any"])
    | mapping(type=st.just("integer"), default=st.integers(), min=st.integers()),
    max_size=3,
)
inputs = st.dictionaries(
    st.sampled_from(["a", "b"]), values | st.just("{{ x }}") | st.just("t {{ y | default(1) }}")
)
ways = st.lists(mapping(if_=conditions, goto=st.sampled_from(["end", "one", "builtins:len"])), max_size=2)
step = mapping(
    tool=st.sampled_from(["builtins:len", "a:b", "one", "two"]), input=inputs, output_var=st.sampled_from(["x", "y"]),
    condition=conditions, error_policy=st.just("continue"), retry=st.integers(0, 4), timeout_ms=st.integers(0, 9),
    label=st.sampled_from(["one", "two"]), foreach=st.just("{{ x }}"), as_=st.just("e"), next=ways,
)  # fmt: skip
steps = st.lists(step | st.fixed_dictionaries({"parallel": st.lists(step, max_size=3)}), max_size=4)
tool = mapping(
    type=st.sampled_from(["native", "cli", "http", "pipeline"]), name=st.sampled_from(["one", "two"]), params=params,
    handler=st.just({"path": "a::b"}), command=st.just("ls"), args=st.lists(values, max_size=2), steps=steps,
    endpoint=st.just("http://x/{{ x }}"), method=st.just("GET"), body=values, query=st.dictionaries(texts, values, max_size=2),
)  # fmt: skip
pipelines = mapping(
    name=st.just("p"), params=params, steps=steps, tools=st.lists(tool, max_size=3), keep=st.just(["x"])
)
forges = mapping(forge=st.just({"name": "f", "version": "1"}), tools=st.lists(tool, max_size=4), state=values)
flow = (pipelines | forges | values).map(lambda data: json.dumps(data, ensure_ascii=False))


def survives(text):
    """Load a text and use what came of it; only errors of the three kinds may escape."""
    messages = []
    try:
        loaded = loads(text, name="n")
        for pipeline in loaded.values() if isinstance(loaded, Forge) else [loaded]:
            assert loads(pipeline.to_yaml()) == pipeline
            assert Pipeline.from_dict(json.loads(json.dumps(pipeline.to_dict()))) == pipeline
            assert pipeline.dataflow().step.unique().tolist() == list(range(len(pipeline.steps) + 1))
            json.dumps(pipeline.schema())
            pipeline.check_params({"x": 1})
    except OURS as error:
        messages.append(str(error))
    assert all(message.strip() for message in messages)


@fuzz
@given(text=flow)
def test_documents_of_the_right_shape_and_of_none(text):
    """Right and wrong fields, values of every type, in every place."""
    survives(text)


@fuzz
@given(
    text=flow,
    place=st.floats(0, 1),
    cut=st.integers(0, 5),
    piece=st.text(max_size=5) | st.sampled_from(list("\t&*!|>%@`{}[]'\"#:-?,")),
)
def test_damaged_documents(text, place, cut, piece):
    """A document in which a piece was replaced."""
    at = int(place * len(text))
    survives(text[:at] + piece + text[at + cut :])


VALID = [
    """name: daily
params: { source: { type: string, required: true }, by: { type: string, default: carrier } }
steps:
  - tool: "a:load"
    input: { source: "{{ source }}", more: [1, 2.5, ~, true] }
    output_var: flights
  - parallel:
      - { tool: "a:b", input: { x: "{{ flights.0 | length }}" }, output_var: u }
      - { tool: "a:c", output_var: v, condition: "!u and by == 'x'" }
  - { tool: "a:d", foreach: "{{ flights }}", as: f, max_parallel: 4, retry: { attempts: 3, backoff: 0.5 } }
  - { tool: "a:e", label: poll, next: [{ if: "u", goto: end }, { goto: poll }], timeout_ms: 500 }
""",
    """forge: { name: f, version: 1.0.0, transport: stdio }
tools:
  - { type: native, name: n, handler: { path: "a::b" }, params: { x: { type: integer, min: 1 } } }
  - { type: cli, name: c, command: ls, args: ["-l", "{{ x }}"], env: { A: "${HOME}" } }
  - { type: http, name: h, endpoint: "http://x/{{ y }}", method: GET, auth: { type: bearer, token: "${T}" } }
  - type: pipeline
    name: p
    steps: &s
      - { tool: n, input: { x: 1 } }
      - { tool: c }
  - { type: pipeline, name: q, steps: *s }
state: { backend: sled, path: x }
""",
]


@fuzz
@given(
    text=st.sampled_from(VALID), place=st.floats(0, 1), cut=st.integers(0, 12),
    piece=st.text(max_size=5) | st.sampled_from([*"\t&*!|>%@`{}[]'\"#:-?,\n ", "{{", "}}", "<<", "*s", "&s", *WORDS]),
)  # fmt: skip
def test_damaged_pipelines(text, place, cut, piece):
    """A good file in which something was mistyped."""
    at = int(place * len(text))
    survives(text[:at] + piece + text[at + cut :])


def test_the_pipelines_to_be_damaged_are_whole():
    """So that the damage is what is tested."""
    assert [len(loads(text)) if "forge" in text else len(loads(text).steps) for text in VALID] == [4, 2]


@fuzz
@given(text=st.text(st.sampled_from(list(" \n\t:-[]{}&*!|>'\"%#?,ab01.")), max_size=60))
def test_texts_of_signs(text):
    """What a cat makes on a keyboard."""
    survives(text)


signs = st.lists(
    st.sampled_from(
        ["x", "y.z", "1", "'s'", "+", "-", "*", "**", "%", "~", "|", "length", "(", ")", "[", "]", "{", "}", ".", ",", ":",
         "and", "or", "not", "!", "if", "else", "in", "is", "defined", "==", "<", "!=", "__class__", "{{", "}}", "{%", '"', "'"],
    ),
    max_size=9,
)  # fmt: skip


@fuzz
@given(parts=signs, scope=st.fixed_dictionaries({}, optional={"x": values, "y": values}))
def test_expressions(parts, scope):
    """Compiled and evaluated on any data."""
    text = " ".join(parts)
    messages = []
    for compiler, use in (
        (compile_condition, "test"),
        (lambda t: compile_value("{{ " + t + " }}"), "render"),
        (compile_value, "render"),
    ):
        try:
            getattr(compiler(text), use)(scope)
        except (SpecError, TemplateError) as error:
            messages.append(str(error))
    assert all(message.strip() for message in messages)
