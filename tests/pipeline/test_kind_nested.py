"""Pipelines as tools: scope, errors, loops, recursion, stopping."""

from __future__ import annotations

import threading

import psutil

from pforge_lab.errors import SpecError, TemplateError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import loads
from pforge_lab.pipeline.tools import tool


def filled(text, *parts):
    """Return a text with its ``%s`` filled in; braces and quotes are YAML's."""
    for part in parts:
        text = text.replace("%s", part, 1)
    return text


NESTED = """
tools:
  - { type: native, name: add, handler: { path: "operator:add" } }
  - type: pipeline
    name: inner
    params: { n: integer, by: { type: integer, default: 1 } }
    max_steps: 5
    steps:
      - { tool: "builtins:sum", input: { iterable: ["{{ n }}", "{{ by }}"] }, output_var: n }
      - { tool: "builtins:len", input: { obj: x }, condition: "n < 0", label: never }
      - { tool: "builtins:str", input: { object: "{{ n }}" }, output_var: text, label: last, next: [{ if: "again", goto: last }] }
steps:
  - { tool: inner, input: { n: "{{ k }}" }, output_var: out }
"""


def test_a_nested_pipeline_has_its_own_scope_and_shows_its_steps(one_step):
    """Defaults are filled in, the outer scope is not seen, and the steps are children."""
    outcome = one_step(NESTED, {"k": 4, "n": 100, "text": "outer"})
    assert outcome.error is None, outcome.error
    assert outcome.variables == {"out": outcome.output}
    assert outcome.output["variables"] == {"n": 5, "by": 1, "text": "5"}
    assert [(c.label, c.status) for c in outcome.children] == [
        ("builtins:sum", "done"),
        ("never", "skipped"),
        ("last", "done"),
    ]
    assert [result["tool"] for result in outcome.output["results"]] == ["builtins:sum", "builtins:str"]


def test_pforges_variables_reach_a_nested_pipeline(one_step):
    """Its input is one field, ``variables``."""
    assert (
        one_step(NESTED.replace('{ n: "{{ k }}" }', "{ variables: { n: 1 } }")).output["variables"]["n"] == 2
    )


def test_wrong_inputs_of_a_nested_pipeline(one_step):
    """They are those of its params."""
    outcome = one_step(NESTED, {"k": "4"})
    assert str(outcome.error) == "step 'inner': n: must be an integer, not '4' (string)"
    outcome = one_step(NESTED.replace('{ n: "', '{ m: "'), {"k": 4})
    assert "pipeline 'inner' has no such param" in str(outcome.error)


def test_an_error_inside_a_nested_pipeline_says_where(one_step):
    """The original error, with a note; the children show the step."""
    outcome = one_step(
        NESTED.replace("{ obj: x }", "{ obj: '{{ missing }}' }").replace('"n < 0"', '"n > 0"'), {"k": 1}
    )
    assert isinstance(outcome.error, TemplateError)
    assert outcome.error.step == "never"
    assert [(c.label, c.status) for c in outcome.children] == [("builtins:sum", "done"), ("never", "failed")]


def test_a_nested_loop_ends(one_step):
    """``max_steps`` bounds it."""
    text = NESTED.replace('"again"', '"text"')
    assert "'inner' took more than 5 steps; raise max_steps" in str(one_step(text, {"k": 1}).error)


def test_a_nested_pipeline_without_a_loop_may_have_more_steps_than_max_steps(one_step):
    """It ends anyway."""
    outcome = one_step(NESTED.replace("max_steps: 5", "max_steps: 2"), {"k": 1})
    assert outcome.error is None, outcome.error
    assert len(outcome.children) == 3


def test_nested_pipelines_use_functions_given_as_objects():
    """Functions bound to the outer pipeline are the inner one's as well."""
    text = "tools: [{ type: pipeline, name: inner, steps: [{ tool: bound_tool, output_var: x }] }]\nsteps: [{ tool: inner }]"
    tool(name="bound_tool")(lambda: "registered")
    pipeline = loads(text, name="p")
    assert execute(pipeline, 0, {}).output["variables"] == {"x": "registered"}
    assert execute(pipeline.bind({"bound_tool": lambda: "bound"}), 0, {}).output["variables"] == {
        "x": "bound"
    }


def test_recursion_is_refused_with_the_cycle(message_of):
    """When the file is loaded, not when the stack is full."""
    text = "forge: { name: x }\ntools:\n"
    text += "".join(
        f"  - {{ type: pipeline, name: {a}, steps: [{{ tool: {b} }}] }}\n" for a, b in ("ab", "bc", "ca")
    )
    assert "a pipeline cannot call itself: a -> b -> c -> a" in message_of(SpecError, loads, text)


def test_stopping_a_block_ends_its_commands(tmp_path):
    """The first error of a block ends the processes of the others."""
    text = """
tools:
  - { type: cli, name: waits, command: sh, args: ["-c", "echo $$ > pid; mv pid ready; sleep 60"] }
steps:
  - parallel:
      - { tool: waits, output_var: a }
      - { tool: "stop_tools:after" }
"""
    (tmp_path / "stop_tools.py").write_text(
        "import time, pathlib\n"
        "def after():\n"
        f"    ready = pathlib.Path({str(tmp_path / 'ready')!r})\n"
        "    while not ready.exists(): time.sleep(0.01)\n"
        "    raise ValueError('stop')\n"
    )
    outcome = execute(loads(text, name="p", base_dir=tmp_path), 0, {})
    assert str(outcome.error) == "stop"
    pid = int((tmp_path / "ready").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert [child.status for child in outcome.children] == ["skipped", "failed"]


def test_inputs_inside_a_nested_pipeline_are_as_before_after_a_failure(one_step):
    """Before a retry, and when a step that may fail has failed, its inputs are what they were."""
    seen = []

    @tool(name="spoils")
    def spoils(values):
        seen.append(list(values))
        values.append("spoilt")
        if len(seen) < 3:
            raise ConnectionError

    text = """
tools:
  - type: pipeline
    name: inner
    steps:
      - { tool: spoils, input: { values: "{{ values }}" }, retry: { attempts: 2, backoff: 0 }, error_policy: continue }
      - { tool: spoils, input: { values: "{{ values }}" }, retry: { attempts: 2, backoff: 0 } }
steps:
  - { tool: inner, input: { values: "{{ values }}" } }
"""
    outcome = one_step(text, {"values": [1]})
    assert outcome.error is None
    assert seen == [[1], [1], [1]]


def test_stopping_a_block_reaches_into_nested_pipelines():
    """A block inside a pipeline inside a block is stopped with it."""
    begun = threading.Event()
    cancelled = threading.Event()

    @tool(name="deep_wait")
    async def deep_wait():
        import asyncio

        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    @tool(name="breaks_then")
    def breaks_then():
        assert begun.wait(20)
        raise ValueError("stop")

    text = """
tools:
  - { type: pipeline, name: inner, steps: [{ parallel: [{ tool: deep_wait }, { tool: "builtins:int" }] }, { tool: "builtins:int" }] }
steps:
  - parallel: [{ tool: inner }, { tool: breaks_then }]
"""
    outcome = execute(loads(text, name="p"), 0, {})
    assert cancelled.wait(20)
    assert str(outcome.error) == "stop"
    assert [child.status for child in outcome.children] == ["skipped", "failed"]
