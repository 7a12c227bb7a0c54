"""What every kind of tool promises, and how a package adds one."""

from __future__ import annotations

import json
import sys

import pytest

from pforge_lab.errors import ParamError, SpecError, StepTimeout
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.kinds import kinds
from pforge_lab.pipeline.loader import loads

PYTHON = json.dumps(sys.executable)


def filled(text, *parts):
    """Return a text with its ``%s`` filled in; braces and quotes are YAML's."""
    for part in parts:
        text = text.replace("%s", part, 1)
    return text


@pytest.fixture
def tools(server, tmp_path):
    """Return a function that makes a forge with one tool of each kind, all named ``it`` and echoing ``x``."""
    (tmp_path / "contract_tools.py").write_text(
        "import threading\n"
        "def echo(x): return {'got': x}\n"
        "def wait(x): threading.Event().wait(0.5)\n"
        "def broken(x): raise ValueError(x)\n"
    )
    params = "params: { x: { type: string, required: true, max_length: 20 } }"
    wait = "import threading; threading.Event().wait(20)"
    definitions = {
        "native": (
            filled("{ type: native, name: it, handler: { path: 'contract_tools:echo' }, %s }", params),
            filled("{ type: native, name: it, timeout_ms: 100, handler: { path: 'contract_tools:wait' }, %s }", params),
            filled("{ type: native, name: it, handler: { path: 'contract_tools:broken' }, %s }", params),
        ),
        "cli": (
            filled("{ type: cli, name: it, command: %s, parse: json, args: ['-c', 'import sys, json; print(json.dumps(dict(got=sys.argv[1])))', '{{ x }}'], %s }", PYTHON, params),
            filled("{ type: cli, name: it, timeout_ms: 100, command: %s, args: ['-c', '%s'], %s }", PYTHON, wait, params),
            filled("{ type: cli, name: it, command: %s, args: ['-c', 'import sys; sys.exit(sys.argv[1])', '{{ x }}'], %s }", PYTHON, params),
        ),
        "http": (
            filled("{ type: http, name: it, endpoint: '%s/echo', method: POST, body: { got: '{{ x }}' }, %s }", server.url, params),
            filled("{ type: http, name: it, timeout_ms: 100, endpoint: '%s/hold', %s }", server.url, params),
            filled("{ type: http, name: it, endpoint: 'http://127.0.0.1:1/{{ x }}', %s }", params),
        ),
        "pipeline": (
            filled("{ type: pipeline, name: it, %s, steps: [{ tool: 'contract_tools:echo', input: { x: '{{ x }}' }, output_var: out }] }", params),
            filled("{ type: pipeline, name: it, timeout_ms: 100, %s, steps: [{ tool: 'contract_tools:wait', input: { x: '{{ x }}' } }] }", params),
            filled("{ type: pipeline, name: it, %s, steps: [{ tool: 'contract_tools:broken', input: { x: '{{ x }}' } }] }", params),
        ),
    }  # fmt: skip

    def make(kind, which, value, step=""):
        text = f"name: p\ntools:\n  - {definitions[kind][which]}\n"
        text += f"steps:\n  - {{ tool: it, input: {{ x: {json.dumps(value)} }}, output_var: y{step} }}\n"
        return loads(text, base_dir=tmp_path)

    return make


def got(kind, output):
    """Return what the tool has received."""
    if kind == "http":
        return json.loads(output["body"]["body"])["got"]
    return output["variables"]["out"]["got"] if kind == "pipeline" else output["got"]


@pytest.mark.parametrize("kind", ["native", "cli", "http", "pipeline"])
class TestContract:
    """Every kind of tool keeps these promises."""

    def test_arguments_arrive_and_output_comes_back(self, kind, tools):
        """Also those that a shell, a URL or a template would take for something else."""
        for value in ("plain", "a b; $(ls) `x` &", "ü {{ 'x' }}", "\"quoted'", "../../etc?x=1#y"):
            pipeline = tools(kind, 0, "{{ v }}")
            outcome = execute(pipeline, 0, {"v": value})
            assert outcome.error is None, outcome.error
            assert got(kind, outcome.variables["y"]) == value
            assert outcome.attempts == 1

    def test_params_are_checked_before_the_call(self, kind, tools, server):
        """Wrong types and bounds are a `ParamError`; nothing is called."""
        for value in (5, "x" * 21):
            outcome = execute(tools(kind, 0, value), 0, {})
            assert isinstance(outcome.error, ParamError)
            assert "x: must " in str(outcome.error)
        assert server.asked == []

    def test_an_overrun_is_a_step_timeout(self, kind, tools):
        """It names the step, the tool and the seconds."""
        outcome = execute(tools(kind, 1, "x"), 0, {})
        assert isinstance(outcome.error, StepTimeout), outcome.error
        assert "took longer than 0.1 s and was " in str(outcome.error)

    def test_a_failure_is_told(self, kind, tools):
        """With the message that explains it, and without output."""
        outcome = execute(tools(kind, 2, "why"), 0, {})
        assert (outcome.status, outcome.variables) == ("failed", {})
        told = {
            "native": "why",
            "cli": "why",
            "http": "failed: All connection attempts failed",
            "pipeline": "why",
        }
        assert told[kind] in str(outcome.error)

    def test_a_failure_is_retried(self, kind, tools, heard):
        """As the step says."""
        pipeline = tools(kind, 2, "why", ", retry: { attempts: 2, backoff: 0 }")
        assert execute(pipeline, 0, {}, listener=heard).attempts == 2
        assert [number for label, number, _ in heard.failed if label == "it"] == [1, 2]

    def test_the_definition_round_trips(self, kind, tools):
        """Through YAML, with its digest."""
        pipeline = tools(kind, 0, "x")
        again = loads(pipeline.to_yaml(), base_dir=pipeline.base_dir)
        assert again == pipeline
        assert got(kind, execute(again, 0, {}).output) == "x"

    def test_the_kind_is_registered(self, kind, tools):
        """Built-in kinds come through the same door as others."""
        assert kinds()[kind].model_fields["type"].default == kind


PLUGIN = """
from typing import Literal
from pforge_lab.pipeline.kinds.definition import Definition

class Shout(Definition):
    type: Literal["shout"] = "shout"
    volume: int = 1

    def tool(self, box):
        return ShoutTool(self)

class ShoutTool:
    retry = timeout = None

    def __init__(self, definition):
        self.name, self.volume = definition.name, definition.volume

    def call(self, arguments, call):
        return arguments["text"].upper() + "!" * self.volume

    def fingerprint(self):
        return None
"""


def test_a_package_adds_a_kind(tmp_path, monkeypatch, one_step, message_of):
    """By an entry point: its definitions load, check their fields, run and round trip."""
    (tmp_path / "shout_plugin.py").write_text(PLUGIN)
    info = tmp_path / "shout_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout-plugin\nVersion: 1\n")
    points = info / "entry_points.txt"
    points.write_text("[pforge_lab.tool_kinds]\nshout = shout_plugin:Shout\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    kinds.cache_clear()
    try:
        text = "tools: [{ type: shout, name: it, volume: 2 }]\nsteps: [{ tool: it, input: { text: hello } }]"
        assert one_step(text).output == "HELLO!!"
        assert loads(loads(text, name="p").to_yaml()) == loads(text, name="p")
        assert "did you mean 'volume'?" in message_of(SpecError, loads, text.replace("volume", "volme"))
        points.write_text("[pforge_lab.tool_kinds]\ncli = shout_plugin:Shout\n")
        kinds.cache_clear()
        assert "'cli' of 'shout_plugin:Shout' exists already" in message_of(SpecError, loads, text)
        points.write_text("[pforge_lab.tool_kinds]\nshout = shout_plugin:ShoutTool\n")
        kinds.cache_clear()
        assert "is no Definition with a method 'tool'" in message_of(SpecError, loads, text)
    finally:
        kinds.cache_clear()
