"""Files load, or say what is wrong with them, where, and what to do."""

from __future__ import annotations

import pytest

from pforge_lab.errors import PforgeError, SpecError, UsageError
from pforge_lab.pipeline.loader import Forge, load_file, load_forge, load_pipeline, loads
from pforge_lab.pipeline.spec import Pipeline

NESTED = "[" * 60 + "]" * 60
LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * 9) + "]\n" for i in range(1, 9)
)

CORPUS = [
    # what is wrong, the text, line, part of the message
    ("empty file", "", 1, "the file is empty"),
    ("only a comment", "# nothing\n", 1, "the file is empty"),
    ("a list", "- a\n", 1, "must be a mapping with 'steps' or 'forge', not an array"),
    ("a scalar", "hello\n", 1, "must be a mapping"),
    ("neither form", "name: x\nstpes: []\n", 2, "unknown field 'stpes', did you mean 'steps'"),
    ("unclosed flow", "name: x\nsteps: [\n", 3, "expected the node content"),
    ("unclosed quote", "name: 'x\nsteps: []\n", 3, "while scanning a quoted scalar"),
    ("bad indentation", "name: x\nsteps:\n  - tool: a\n   label: b\n", 4, "indentation"),
    ("tab indentation", "name: x\nsteps:\n\t- tool: a\n", 3, "a tab cannot indent YAML; use spaces"),
    ("duplicate field", "name: x\nsteps: []\nname: y\n", 3, "duplicate field 'name'; the first one is on line 1"),
    ("duplicate field inside", "name: x\nparams:\n  a: string\n  a: any\nsteps: []\n", 4, "duplicate field 'a'"),
    ("two documents", "name: x\nsteps: []\n---\nname: y\n", 3, "a file holds one document"),
    ("unknown anchor", "name: *x\nsteps: []\n", 1, "undefined alias"),
    ("billion laughs", LAUGHS + "steps: []\n", None, "aliases multiply"),
    ("recursive alias", "name: x\nsteps: &s [*s]\n", 2, "an alias contains itself"),
    ("deep nesting", f"name: x\nsteps: {NESTED}\n", 2, "nested more than 50 levels deep"),
    ("very deep nesting", "name: x\nsteps: " + "[" * 50_000, 2, "nested more than 50 levels deep"),
    ("deep block nesting", "name: x\nsteps:\n" + "\n".join("  " * i + "a:" for i in range(1, 80)), 52, "nested more"),
    ("python tag", "name: !!python/object/apply:os.system [ls]\nsteps: []\n", 1, "!!python/object/apply:os.system"),
    ("own tag", "name: !x y\nsteps: []\n", 1, "the tag '!x' is not allowed"),
    ("merge key", "base: &b {a: 1}\nname: x\n<<: *b\nsteps: []\n", 3, "merge keys are not part of YAML 1.2"),
    ("huge integer", "name: x\nmax_steps: " + "9" * 5000 + "\nsteps: []\n", 2, "a number of 5000 digits"),
    ("huge float", "name: x\ntimeout_ms: 1e999\nsteps: []\n", 2, "the number 1e999 is too large"),
    ("control character", "name: x\x07\nsteps: []\n", 1, "the character \\x07 is not allowed"),
    ("braces without quotes", "name: x\nsteps:\n  - tool: {{ x }}\n", 3, "put '{{ }}' in quotes"),
    ("a field that is a list", "name: x\n? [a]\n: b\nsteps: []\n", 2, "a field needs a name"),
    ("steps no list", "name: x\nsteps: {tool: a}\n", 2, "steps: must be a list of steps, not an object"),
    ("step no mapping", "name: x\nsteps:\n  - just text\n", 3, "steps.0: must be a mapping with 'tool'"),
    ("step without tool", "name: x\nsteps:\n  - label: a\n", 3, "the field 'tool' is missing"),
    ("unknown field", "name: x\nsteps:\n  - tool: builtins:len\n    inputs: {}\n", 4, "did you mean 'input'?"),
    ("unknown policy", "name: x\nsteps:\n  - {tool: 'a:b', error_policy: stop}\n", 3, "'fail_fast' or 'continue', not 'stop'"),
    ("wrong type", "name: x\nsteps:\n  - tool: a:b\n    timeout_ms: soon\n", 4, "must be a number, not 'soon'"),
    ("unknown tool", "name: x\ntools:\n  - {type: native, name: fetch, handler: {path: 'a:b'}}\nsteps:\n  - tool: fecth\n", 5, "unknown tool 'fecth', did you mean 'fetch'?"),
    ("unknown tool in a block", "name: x\nsteps:\n  - parallel:\n      - tool: 'a:b'\n      - tool: nope_nope\n", 5, "unknown tool 'nope_nope'"),
    ("unknown kind", "name: x\ntools:\n  - {type: ntive, name: a}\nsteps: []\n", 3, "unknown kind of tool 'ntive', did you mean 'native'?"),
    ("no kind", "name: x\ntools:\n  - {name: a}\nsteps: []\n", 3, "the field 'type' is missing"),
    ("duplicate tool", "name: x\ntools:\n  - {type: cli, name: a, command: ls}\n  - {type: cli, name: a, command: ls}\nsteps: []\n", 4, "a tool 'a' exists already"),
    ("native without handler", "name: x\ntools:\n  - {type: native, name: a}\nsteps: []\n", 3, "the field 'handler' is missing"),
    ("cli with a templated command", "name: x\ntools:\n  - {type: cli, name: a, command: '{{ c }}'}\nsteps: []\n", 3, "the command is fixed"),
    ("cli with a broken template", "name: x\ntools:\n  - type: cli\n    name: a\n    command: ls\n    args:\n      - ok\n      - '{{ x'\nsteps: []\n", 8, "end of template"),
    ("http with an unknown method", "name: x\ntools:\n  - {type: http, name: a, endpoint: 'http://x', method: FETCH}\nsteps: []\n", 3, "must be 'GET'"),
    ("http with an unknown auth", "name: x\ntools:\n  - {type: http, name: a, endpoint: 'http://x', auth: {type: magic}}\nsteps: []\n", 3, "tools.0.auth"),
    ("auth with an unknown field", "name: x\ntools:\n  - type: http\n    name: a\n    endpoint: 'http://x'\n    auth:\n      type: bearer\n      tokn: x\nsteps: []\n", 8, "unknown field 'tokn', did you mean 'token'?"),
    ("auth that is a text", "name: x\ntools:\n  - {type: http, name: a, endpoint: 'http://x', auth: secret}\nsteps: []\n", 3, "tools.0.auth: must be a mapping with 'type'"),
    ("broken template", "name: x\nsteps:\n  - tool: a:b\n    input:\n      x: '{{ a b }}'\n", 5, "steps.0.input.x"),
    ("attribute access", "name: x\nsteps:\n  - tool: a:b\n    input: {x: '{{ ().__class__.__bases__ }}'}\n", 4, "is private; templates read data only"),
    ("call in a template", "name: x\nsteps:\n  - tool: a:b\n    input: {x: \"{{ df.to_csv('/x') }}\"}\n", 4, "calls something"),
    ("template block", "name: x\nsteps:\n  - tool: a:b\n    input: {x: '{% if a %}b{% endif %}'}\n", 4, "blocks are not part of templates"),
    ("broken condition", "name: x\nsteps:\n  - tool: a:b\n    condition: 'a >'\n", 4, "steps.0.condition"),
    ("empty condition", "name: x\nsteps:\n  - tool: a:b\n    condition: ''\n", 4, "the condition is empty"),
    ("unknown target", "name: x\nsteps:\n  - tool: a:b\n    label: poll\n    next:\n      - goto: pol\n", 6, "no step 'pol', did you mean 'poll'?"),
    ("labels twice", "name: x\nsteps:\n  - {tool: 'a:b', label: p}\n  - {tool: 'a:c', label: p}\n", 4, "the label 'p' is taken by step 1"),
    ("unknown param type", "name: x\nparams:\n  a: { type: int }\nsteps: []\n", 3, "params.a.type"),
    ("default of the wrong type", "name: x\nparams:\n  a: { type: integer, default: x }\nsteps: []\n", 3, "the default must be an integer"),
    ("unknown state", "name: x\nsteps: []\nstate: { backend: zobd }\n", 3, "state.backend: must be 'sled', 'zodb'"),
    ("unknown state field", "name: x\nsteps: []\nstate:\n  backend: zodb\n  paht: x\n", 5, "did you mean 'path'?"),  # codespell:ignore paht
    ("retry zero times", "name: x\nsteps:\n  - tool: a:b\n    retry: { attempts: 0 }\n", 4, "steps.0.retry.attempts: must be at least 1"),
    ("forge without a name", "forge: { version: 1.0.0 }\ntools: []\n", 1, "the field 'name' is missing"),
    ("forge with an unknown section", "forge: { name: x }\ntool: []\n", 2, "unknown field 'tool', did you mean 'tools'?"),
    ("forge with a wrong tools", "forge: { name: x }\ntools: 5\n", 2, "must be a list of tools"),
    ("pipeline calling itself", "forge: { name: x }\ntools:\n  - type: pipeline\n    name: a\n    steps:\n      - tool: a\n", 5, "a pipeline cannot call itself: a -> a"),
    ("fault in a pipeline's pipeline", "name: x\ntools:\n  - type: pipeline\n    name: a\n    steps:\n      - tool: a:b\n      - tool: zz_none\nsteps: []\n", 7, "unknown tool 'zz_none'"),
    ("target in a pipeline's pipeline", "name: x\ntools:\n  - type: pipeline\n    name: a\n    steps:\n      - tool: a:b\n        next: nowhere\nsteps: []\n", 7, "no step 'nowhere'"),
    ("fault in a forge's pipeline", "forge: { name: x }\ntools:\n  - type: pipeline\n    name: a\n    steps:\n      - tool: zz_none\n", 6, "unknown tool 'zz_none'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "told"), [case[1:] for case in CORPUS], ids=[case[0] for case in CORPUS]
)
def test_wrong_and_hostile_files(text, line, told):
    """Each is a `SpecError` with the file, the right line, and what to do."""
    with pytest.raises(SpecError) as caught:
        loads(text, filename="day.yaml", name="n")
    assert told in str(caught.value)
    faults = [fault for fault in caught.value.faults if told in str(fault)]
    assert faults[0].file == "day.yaml"
    assert line is None or faults[0].line == line
    assert all(f"day.yaml:{fault.line}: " in str(caught.value) for fault in caught.value.faults)


def test_all_faults_of_a_file_are_told_at_once_in_order():
    """One run of the loader shows everything that has to be mended."""
    text = (
        "name: x\n"
        "params: { a: strng }\n"  # codespell:ignore strng
        "steps:\n"
        "  - tool: builtins:len\n"
        "    inptu: 5\n"
        "  - { tool: zz_none, output_vra: c }\n"
        "  - tool: zz_none\n"
        "name: y\n"
    )
    with pytest.raises(SpecError) as caught:
        loads(text, filename="f")
    assert [fault.line for fault in caught.value.faults] == [2, 5, 6, 7, 8]


def test_a_file_that_is_not_utf8(tmp_path, message_of):
    """The line of the first wrong byte is told."""
    file = tmp_path / "latin.yaml"
    file.write_bytes("name: x\n# caf\xe9\nsteps: []\n".encode("latin-1"))  # codespell:ignore caf
    message = message_of(SpecError, load_pipeline, file)
    assert message == f"{file}:2: the file is not UTF-8; save it as UTF-8"


def test_a_file_that_is_not_there(tmp_path, message_of):
    """Near misses are files beside it."""
    (tmp_path / "daily.yaml").write_text("name: x\nsteps: []\n")
    assert "did you mean 'daily.yaml'?" in message_of(SpecError, load_pipeline, tmp_path / "dayly.yaml")
    assert "cannot read" in message_of(SpecError, load_pipeline, tmp_path)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    """Some editors write one."""
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfsteps: []\n")
    assert load_pipeline(file).name == "bom"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("2024-01-01", "2024-01-01"), ("12:30", "12:30"), ("1_000", "1_000"),
        ("017", 17), ("0o17", 15), ("0x1F", 31), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("-.inf", float("-inf")),
        ("~", None), ("", None), ("True", True), ("'5'", "5"), ("!!str 5", "5"), ("+3", 3), ("|\n        a\n        b\n", "a\nb\n"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text, value):
    """No dates, no ``yes``, no underscores: what looks like text is text."""
    pipeline = loads(f"name: x\nsteps:\n  - tool: builtins:len\n    input:\n      obj: {text}\n")
    assert pipeline.steps[0].input["obj"] == value


FOLDED = """\
name: x
description: >
  one
  two

  "three"
params:
  text: { type: string, default: "a\\ab" }
tools:
  - type: cli
    name: say
    command: echo
    args:
      - >-
        hello
        big
        world
    parse: text
steps:
  - tool: say
    output_var: said
    condition: >
      text == text and
      1 < 2
  - tool: builtins:len
    input:
      obj: >+
        aa
        bb

    output_var: n
"""


def test_folded_scalars_are_the_text_with_spaces_for_line_breaks(run_all):
    """In descriptions, arguments, conditions and inputs; what an escape stands for in a quoted text stays."""
    pipeline = loads(FOLDED)
    assert pipeline.description == 'one two\n"three"\n'
    assert pipeline.params["text"].default == "a\x07b"
    variables = run_all(pipeline, {"text": "a"})[0]
    assert (variables["said"], variables["n"]) == ("hello big world\n", len("aa bb\n\n"))
    assert loads(pipeline.to_yaml()) == pipeline


def test_lines_of_faults_after_folded_scalars(message_of):
    """A fold is a line of the file all the same."""
    assert "day.yaml:31: steps.1.output_vra" in message_of(
        SpecError, loads, FOLDED.replace("output_var: n", "output_vra: n"), filename="day.yaml"
    )


def test_anchors_may_be_used(run_all):
    """An alias stands for the same data twice."""
    pipeline = loads(
        "name: x\nsteps:\n  - &s {tool: 'builtins:len', input: {obj: abc}, output_var: n}\n  - *s\n"
    )
    assert pipeline.labels == ("builtins:len", "builtins:len#2")
    assert run_all(pipeline)[0] == {"n": 3}


def test_an_anchor_may_be_used_again(run_all):
    """An alias means the last one before it, as YAML says; nothing is warned of."""
    pipeline = loads(
        "name: x\nsteps:\n  - {tool: 'builtins:len', input: &s {obj: abc}, output_var: n}\n"
        "  - {tool: 'builtins:len', input: &s {obj: ab}, output_var: m}\n"
        "  - {tool: 'builtins:len', input: *s, output_var: l}\n"
    )
    assert run_all(pipeline)[0] == {"n": 3, "m": 2, "l": 2}


FORGE = """
forge: { name: shop, version: 0.1.0, transport: stdio, optimization: release, description: All }
tools:
  - { type: native, name: size, description: how long, handler: { path: "builtins::len" } }
  - type: pipeline
    name: outer
    description: Both
    params: { text: { type: string, required: true } }
    steps:
      - { tool: inner, params: { text: "{{ text }}" }, output_var: a }
  - type: pipeline
    name: inner
    steps:
      - { tool: size, input: { obj: "{{ text }}" }, output_var: n }
state: { backend: sled, path: /tmp/x, cache_size: 5, options: { a: 1 } }
resources: [{ uri: "file://x" }]
prompts: [{ name: p }]
"""


def test_a_forge_is_a_mapping_of_its_pipelines(message_of):
    """Tools, state and what is not used here are at hand."""
    forge = loads(FORGE)
    assert isinstance(forge, Forge)
    assert list(forge) == ["outer", "inner"]
    assert (forge.name, forge.version, forge.state.backend, forge.state.path) == (
        "shop",
        "0.1.0",
        "sled",
        "/tmp/x",
    )
    assert forge.unused == {
        "resources": [{"uri": "file://x"}], "prompts": [{"name": "p"}], "transport": "stdio", "optimization": "release",
    }  # fmt: skip
    assert "no pipeline 'outr', did you mean 'outer'?" in message_of(SpecError, forge.__getitem__, "outr")
    assert "the tool 'size' is no pipeline" in message_of(SpecError, forge.__getitem__, "size")
    assert "nope" not in forge
    unused = ", ".join(forge.unused)
    assert repr(forge) == f"<Forge 'shop': 3 tools, pipelines: outer, inner; not used here: {unused}>"


def test_a_pipeline_of_a_forge_brings_the_tools_it_needs():
    """Its definition stands alone, nested pipelines included; other tools do not change its digest."""
    forge = loads(FORGE)
    assert list(forge["outer"].tools) == ["size", "inner"]
    assert list(forge["inner"].tools) == ["size"]
    assert Pipeline.from_dict(forge["outer"].to_dict()) == forge["outer"]
    assert loads(forge["outer"].to_yaml()) == forge["outer"]


def test_choosing_a_pipeline_of_a_file(tmp_path, message_of):
    """The only one, or by name."""
    forge, single = tmp_path / "pforge.yaml", tmp_path / "daily.yaml"
    forge.write_text(FORGE)
    single.write_text("steps: []\nstate: { backend: memory }\n")
    assert load_pipeline(forge, "inner").name == "inner"
    assert load_pipeline(forge).source == forge.resolve() if len(load_forge(forge)) == 1 else True
    assert "2 pipelines ('outer', 'inner'); say which" in message_of(UsageError, load_pipeline, forge)
    assert "no pipeline 'x'" in message_of(SpecError, load_pipeline, forge, "x")
    assert "no pipeline 'x'" in message_of(SpecError, load_pipeline, single, "x")
    assert "this file is one pipeline" in message_of(SpecError, load_forge, single)
    daily = load_pipeline(single)
    assert (daily.name, daily.state.backend, daily.base_dir) == ("daily", "memory", tmp_path.resolve())
    assert isinstance(load_file(forge), Forge)


def test_nested_pipelines_may_share_tools_without_being_a_circle(run_all):
    """A diamond of pipelines is no recursion."""
    text = "forge: {name: x}\ntools:\n"
    text += (
        "  - {type: pipeline, name: p0, steps: [{tool: 'builtins:len', input: {obj: abc}, output_var: n}]}\n"
    )
    for i in range(1, 30):
        text += f"  - {{type: pipeline, name: p{i}, steps: [{{tool: p{i - 1}}}, {{tool: p{i - 1}}}]}}\n"
    assert len(loads(text)["p29"].tools) == 29


def test_every_error_is_one_of_ours():
    """Whatever the corpus holds, nothing else escapes."""
    for _, text, _, _ in CORPUS:
        with pytest.raises(PforgeError):
            loads(text)
