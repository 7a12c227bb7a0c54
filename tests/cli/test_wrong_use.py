"""Wrong use of `pforge-lab`: one line on stderr that says what is wrong, and a documented exit code."""

from __future__ import annotations

import pytest

BAD = [
    (["stpe"], 2, "no command 'stpe', did you mean 'step' or 'state'?"),
    (["help", "stpe"], 2, "no command 'stpe', did you mean 'step' or 'state'?"),
    (["state", "gt"], 2, "no command 'gt', did you mean 'get'"),
    (["step", "0"], 2, "'0' is no number of at least 1"),
    (["step", "--foo"], 2, "No such option '--foo'"),
    (["runs", "--state", "lab.fs"], 2, "--state stands before the command: pforge-lab --state … runs"),
    (["open", "lab.fs"], 2, "in a shell name the store before each command: pforge-lab --state lab.fs runs"),
    (["goto"], 2, "Missing argument 'STEP'; see pforge-lab goto --help"),
    (["goto", "totl"], 2, "did you mean 'total'?"),
    (["back", "9"], 2, "cannot go back 9 from position 3; pforge-lab back N takes 0 to 3"),
    (["finish", "--until", "chck"], 2, "did you mean 'check'?"),
    (["show", "totl"], 2, "there is no variable 'totl' at position 3, did you mean 'total'?"),
    (["pull"], 2, "in a shell use: show VAR"),
    (["set", "load"], 2, "expected NAME=EXPR, not 'load'"),
    (["set", "load=[1"], 2, "'[1' is no JSON literal"),
    (["fork", "-p", "load"], 2, "expected NAME=EXPR"),
    (["runs", "--since", "3"], 2, "such as 12h, not '3'"),
    (["run", "nope.yaml"], 2, "'nope.yaml' does not exist"),
    (["start"], 2, "no pipeline is loaded; name one with: start FILE"),
    (["start", "nope.yaml"], 2, "there is no file 'nope.yaml'"),
    (["run", "sums.yaml", "--pipeline", "x"], 2, "sums.yaml has no pipeline 'x'"),
    (["run", "sums.yaml", "-p", "n"], 2, "a parameter is NAME=VALUE, not 'n'"),
    (["run", "sums.yaml", "-p", "m=1"], 3, "m: pipeline 'sums' has no such param; there are 'limit', 'n'"),
    (["run", "sums.yaml", "-p", "n=x"], 3, "n: 'x' is no integer"),
    (["--run", "zz", "status"], 4, "there is no run 'zz'"),
    (["attach", "zz"], 4, "there is no run 'zz'"),
    (["--state", "foo:bar", "status"], 2, "'foo:bar' is no kind of store known here"),
    (["--state", "junk.fs", "status"], 5, "junk.fs"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    BAD,
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_line_on_stderr_with_a_documented_code(ran, folder, arguments, code, message):
    (folder / "junk.fs").write_bytes(b"no store of ours" * 100)
    said = ran(*arguments)
    assert said.code == code
    assert message in said.err
    assert said.err.startswith("pforge-lab: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_all_faults_of_a_file_are_told_a_line_each(pforge, folder):
    (folder / "broken.yaml").write_text("name: x\nsteps:\n  - { tol: load }\n", encoding="utf-8")
    said = pforge("run", "broken.yaml")
    assert said.code == 3
    assert [line.partition("broken.yaml:3: ")[2] for line in said.err.splitlines()] == [
        "steps.0.tool: the field 'tool' is missing",
        "steps.0.tol: unknown field 'tol', did you mean 'tool'?",
    ]


def test_a_failing_step_ends_with_1_and_can_be_mended(pforge):
    said = pforge("run", "sums.yaml", "-p", "limit=1")
    assert said.code == 1
    assert said.err.startswith(
        "pforge-lab: step 3 'check' failed: ValueError: 3 is over 1 (in check, tools.py:"
    )
    assert said.err.count("\n") == 1
    assert "✗ failed" in pforge("status").out
    pforge("set", "limit=10")
    assert "✓ done" in pforge("resume").out


def test_without_runs_every_looking_command_says_so(pforge):
    for name in ("status", "vars", "diff", "memory", "step", "back", "finish", "resume", "attach"):
        said = pforge(name)
        assert said.code == 4
        assert "there are no runs in" in said.err
    assert pforge("runs").code == 0
