"""Tools that are commands: arguments, output, errors, secrets, timeouts, children."""

from __future__ import annotations

import json
import os
import sys

import psutil
import pytest

from pforge_lab.errors import ParamError, SpecError, StepTimeout
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Step

PYTHON = json.dumps(sys.executable)


def test_a_command_gives_what_pforge_gives(one_step):
    """``stdout stderr exit_code``, and an allowed exit code is no error."""
    text = """
tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo out; echo err >&2; exit 3"], allow_exit_codes: [3] }]
steps: [{ tool: it }]
"""
    assert one_step(text).output == {"stdout": "out\n", "stderr": "err\n", "exit_code": 3}


def test_a_command_that_fails_says_why(one_step):
    """Exit code and the last line of what it said, which are attributes too."""
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo a; echo oops >&2; exit 4"] }]\nsteps: [{ tool: it }]'
    error = one_step(text).error
    assert str(error) == "'it': 'sh' ended with exit code 4: oops"
    assert (error.exit_code, error.stdout, error.stderr, error.tool) == (4, "a\n", "oops\n", "it")
    killed = one_step(text.replace("exit 4", "kill -9 $$")).error
    assert "ended with signal 9" in str(killed)


@pytest.mark.parametrize(
    ("parse", "printed", "expected"),
    [("json", '{\\"a\\": [1]}', {"a": [1]}), ("lines", "a\\nb", ["a", "b"]), ("text", "a", "a\n")],
)
def test_parsed_output(one_step, parse, printed, expected):
    """The output is what was printed, as asked."""
    text = f"tools: [{{ type: cli, name: it, command: {PYTHON}, args: ['-c', \"print('''{printed}''')\"], parse: {parse} }}]\nsteps: [{{ tool: it }}]"
    if parse == "json":
        text = text.replace('\\\\"', '\\"')
    assert one_step(text.replace("\\n", "\\\\n") if parse == "lines" else text).output == expected


def test_output_that_is_no_json(one_step):
    """It is told, with the way to see it."""
    text = "tools: [{ type: cli, name: it, command: echo, args: [a], parse: json }]\nsteps: [{ tool: it }]"
    assert "what 'echo' printed is no JSON" in str(one_step(text).error)


def test_arguments_in_every_form(one_step):
    """Lists stand for their elements, null for nothing; booleans are lower case; pforge's ``args`` are added."""
    text = """
tools: [{ type: cli, name: it, command: echo, parse: text, args: [1, 2.5, "{{ l }}", "{{ n }}", "{{ b }}", "-{{ b }}"] }]
steps: [{ tool: it, input: { l: [x, 3], n: null, b: true, args: [end] } }]
"""
    assert one_step(text).output == "1 2.5 x 3 true -True end\n"
    wrong = text.replace("[x, 3]", "{ x: 3 }")
    assert "an argument of 'it' must be text or a number, not an object" in str(one_step(wrong).error)
    unknown = text.replace("args: [end]", "m: 1")
    assert "m: 'it' takes no such argument; there are 'b', 'l', 'n'" in str(one_step(unknown).error)


def test_cwd_env_and_stdin(one_step, tmp_path, monkeypatch):
    """All with templates; ``${NAME}`` is this process's variable, where the definition says so."""
    (tmp_path / "sub").mkdir()
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    text = """
tools:
  - type: cli
    name: it
    command: sh
    args: ["-c", "pwd; echo $A; cat"]
    cwd: "{{ where }}"
    env: { A: "<${PFORGE_TEST_TOKEN}>" }
    stdin: "hello {{ who }}"
    parse: lines
steps: [{ tool: it, input: { where: sub, who: "${PFORGE_TEST_TOKEN}" } }]
"""
    lines = one_step(text, folder=tmp_path).output
    assert lines == [str((tmp_path / "sub").resolve()), "<s3cret>", "hello ${PFORGE_TEST_TOKEN}"]
    missing = one_step(text.replace("where: sub", "where: nowhere"), folder=tmp_path).error
    assert "there is no directory" in str(missing)
    unset = one_step(text.replace("<${PFORGE_TEST_TOKEN}>", "${PFORGE_TEST_UNSET}"), folder=tmp_path).error
    assert "the environment variable PFORGE_TEST_UNSET is not set" in str(unset)


def test_secrets_of_a_command_are_not_in_its_error(one_step, monkeypatch):
    """What the environment holds is shown by name."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo no ${PFORGE_TEST_TOKEN} >&2; exit 1"] }]\nsteps: [{ tool: it }]'
    assert str(one_step(text).error).endswith(": no ${PFORGE_TEST_TOKEN}")


def test_lines_appear_while_the_command_runs(one_step, heard, tmp_path):
    """Each line is announced when it is there, not when all is over."""
    go = tmp_path / "go"
    os.mkfifo(go)

    class Releasing(type(heard)):
        """Lets the command go on once its first line has arrived."""

        def output_line(self, label, stream, text):
            super().output_line(label, stream, text)
            if text == "first":
                go.write_text("x")

    listener = Releasing()
    text = """
tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo first; cat go >/dev/null; echo second >&2"], stream: true }]
steps: [{ tool: it, timeout_ms: 20000 }]
"""
    assert one_step(text, folder=tmp_path, listener=listener).error is None
    assert listener.lines == [("it", "stdout", "first"), ("it", "stderr", "second")]


def test_a_timeout_ends_the_whole_process_tree(one_step, tmp_path):
    """Children and their children, also those that ignore being asked."""
    script = "trap '' TERM; sh -c 'echo $$ > inner; sleep 60' & echo $$ > outer; sleep 60; wait"
    text = f'tools: [{{ type: cli, name: it, command: sh, args: ["-c", "{script}"], timeout_ms: 2000 }}]\nsteps: [{{ tool: it }}]'
    outcome = one_step(text.replace("$$", "$$"), folder=tmp_path)
    assert isinstance(outcome.error, StepTimeout)
    assert "was ended with its children" in str(outcome.error)
    for name in ("outer", "inner"):
        pid = int((tmp_path / name).read_text())
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_command_that_is_not_there(one_step):
    """The message says what to do."""
    text = "tools: [{ type: cli, name: it, command: zz_no_such_command }]\nsteps: [{ tool: it }]"
    assert "the command 'zz_no_such_command' was not found; install it, or give its path" in str(
        one_step(text).error
    )


def test_a_command_beside_the_file(one_step, tmp_path):
    """A path is relative to the pipeline's file."""
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho beside\n")
    text = "tools: [{ type: cli, name: it, command: ./script.sh, parse: text }]\nsteps: [{ tool: it }]"
    assert "cannot be started: Permission denied" in str(one_step(text, folder=tmp_path).error)
    script.chmod(0o700)
    assert one_step(text, folder=tmp_path).output == "beside\n"


def test_an_interrupt_ends_the_command(one_step, heard):
    """Nothing is left behind when the user stops the step."""

    class Interrupting(type(heard)):
        """Interrupts when the command has told its pid."""

        def output_line(self, label, stream, text):
            self.pid = int(text)
            raise KeyboardInterrupt

    listener = Interrupting()
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo $$; sleep 60"], stream: true }]\nsteps: [{ tool: it }]'
    with pytest.raises(KeyboardInterrupt):
        one_step(text, listener=listener)
    assert not psutil.pid_exists(listener.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_the_peak_of_a_child_is_told(one_step):
    """It is the child's own, above or below that of this process."""
    text = f"tools: [{{ type: cli, name: it, command: {PYTHON}, args: ['-c', \"x = b'1' * {{{{ n }}}}\"] }}]\nsteps: [{{ tool: it, input: {{ n: '{{{{ n }}}}' }} }}]"
    assert one_step(text, {"n": 10**9}).child_peak > 10**9
    assert one_step(text, {"n": 1}).child_peak < 50 * 10**6


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"args": ["ok", "\ud800"]}, "args.1: an argument of 'it' holds half a character, '\\ud800'"),
        ({"args": ["{{ a }}"]}, "args.0: an argument of 'it' holds a character of code 0"),
        ({"env": {"A": "\ud800"}}, "env.A: an argument of 'it' holds half a character"),
        ({"stdin": "x\ud800"}, "stdin: what 'it' reads holds half a character"),
    ],
)
def test_texts_that_no_command_can_be_given(fields, told):
    """They are told with the field, before anything is started."""
    data = {"type": "cli", "name": "it", "command": "echo", **fields}
    pipeline = Pipeline(
        "p", tools=[data], steps=[Step("it", input={"a": "\0"} if "{{ a }}" in str(fields) else {})]
    )
    error = execute(pipeline, 0, {}).error
    assert isinstance(error, ParamError)
    assert told in str(error)


def test_names_that_no_environment_variable_can_have(one_step, message_of):
    """They are told when the file is loaded, and those of arguments when the tool is called."""
    text = 'tools: [{ type: cli, name: it, command: echo, env: { "A=B": 1 } }]\nsteps: [{ tool: it }]'
    assert "tools.0.env: 'A=B' is no name of an environment variable" in message_of(SpecError, one_step, text)
    text = 'tools: [{ type: cli, name: it, command: echo }]\nsteps: [{ tool: it, input: { env: { "": a } } }]'
    assert str(one_step(text).error) == "step 'it': env: '' is no name of an environment variable for 'it'"
