"""Every row of the design's table of bad input: one clear line that says what, where, and the next move."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

import pforge_lab as pf

HOLD = """
import sys
import pforge_lab as pf
state = pf.open_state("lab.fs")
def block():
    print("inside", flush=True)
    sys.stdin.readline()
def one(): return 1
run = pf.Pipeline.from_functions("p", one, block).start(state=state)
run.finish()
"""


def one_line(caught) -> str:
    """Return the message, which is one line that a stranger can read."""
    message = str(caught.value)
    assert "\n" not in message
    assert message
    assert "0x" not in message
    assert isinstance(caught.value, pf.PforgeError)
    return message


@pytest.fixture
def load(tmp_path):
    """Return a function that loads YAML from a file."""

    def load(text, name="day.yaml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return pf.load_pipeline(path)

    return load


@pytest.fixture
def held(tmp_path):
    """Start a process that holds a store and is inside a step; return it and the path of the store."""
    (tmp_path / "hold.py").write_text(HOLD, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "hold.py"],
        cwd=tmp_path, env={**os.environ, "JPY_SESSION_NAME": "lab.ipynb"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "inside\n"
    yield process, tmp_path / "lab.fs"
    process.communicate("\n")


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


# -- store in use by another process; run being advanced elsewhere


def test_a_store_in_use_names_who_holds_it_and_the_two_ways_out(held):
    process, path = held
    with pytest.raises(pf.StateLocked) as caught:
        pf.open_state(path)
    message = one_line(caught)
    assert str(process.pid) in message
    assert "lab.ipynb" in message
    assert "mode='r'" in message
    assert caught.value.pid == process.pid
    assert caught.value.since is not None


def test_a_run_that_is_advanced_elsewhere_names_by_whom_and_since_when(held):
    process, path = held
    run = pf.open_run(state=path)
    try:
        with pytest.raises(pf.RunBusy) as caught:
            run.step()
        message = one_line(caught)
        assert f"process {process.pid} on " in message
        assert " since 20" in message
        assert run.id in message
        assert caught.value.since is not None
    finally:
        run.state.close()


# -- store damaged or not ours


@pytest.mark.parametrize(
    "content", [b"not a store of ours" * 50, b"FS21" + b"\x00" * 500], ids=["text", "zeros"]
)
def test_a_file_that_is_no_store_is_told_and_left_as_it_was(tmp_path, content):
    path = tmp_path / "junk.fs"
    path.write_bytes(content)
    with pytest.raises(pf.StateCorrupt) as caught:
        pf.open_run(state=path)
    assert "junk.fs" in one_line(caught)
    assert path.read_bytes() == content


def test_a_run_that_lacks_a_key_says_which(memory_url):
    def one():
        return 1

    run = pf.Pipeline.from_functions("p", one).start(state=memory_url)
    run.step()
    (key,) = run.state.keys(f"pforge/run/{run.id}/00000000/00000000/manifest")
    run.state.delete(key)
    with pytest.raises(pf.StateCorrupt) as caught:
        run.back()
    assert key in one_line(caught)


def test_a_missing_chunk_is_told(memory_url):
    import numpy as np

    def big():
        return np.arange(100_000)

    run = pf.Pipeline.from_functions("p", big).start(state=memory_url)
    run.step()
    run.back()
    for key in run.state.keys("pforge/chunk/"):
        run.state.delete(key)
    run.goto(1)  # loads nothing
    with pytest.raises(pf.StateCorrupt, match="is missing in memory"):
        run["big"]


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


@pytest.fixture
def memory_url(request):
    """Return the URL of a store in memory that is this test's own."""
    return f"memory:bad-input-{request.node.name}"
