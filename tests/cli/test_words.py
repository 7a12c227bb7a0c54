"""Errors tell the next move in the words of the door at which they are shown."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pforge_lab
from pforge_lab.cli.words import as_commands, told
from pforge_lab.errors import StepError

CALLS = [
    ("go back with run.back(), or start", "go back with %pforge back, or start"),
    ("run.back(n) takes 0 to 2, and run.goto goes forward", "%pforge back N takes 0 to 2, and %pforge goto goes forward"),
    ("run.goto(3) and step again with run.step(memory='trace')", "%pforge goto 3 and step again with %pforge step --memory trace"),
    ("run.goto to before it, then run.step()", "%pforge goto to before it, then %pforge step"),
    ("give it again with run.set(frame=...)", "give it again with %pforge set frame=…"),
    ("go on with run.finish(), or use run.fork()", "go on with %pforge finish, or use %pforge fork"),
    ("run.fork_changed() with the change", "%pforge fork --changed with the change"),
    ("open it again with pf.open_run('a-1') to see", "open it again with %pforge attach a-1 to see"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "command"), CALLS)
def test_each_call_has_its_command(call, command):
    assert as_commands(call, "%pforge") == command


def messages():
    """Yield the strings with values in them that the package builds, with a value of the right kind put in."""
    for file in sorted(Path(pforge_lab.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield file.name, "".join(_part(part) for part in node.values)


def _part(part):
    if isinstance(part, ast.Constant):
        return part.value
    return "'1'" if part.conversion == ord("r") else "1"


def test_every_call_that_a_message_names_has_one():
    calls = re.compile(r"\brun\.(back|goto|step|finish|fork|set|fork_changed)\b|pf\.open_run\(")
    left = [(name, said) for name, text in messages() if calls.search(said := as_commands(text, "%pforge"))]
    assert left == []


def test_what_a_tool_said_is_left_as_it_is():
    assert told(
        StepError("step 1 'a' failed: ValueError: call run.back()", run="r", step="a"), "%pforge"
    ).endswith("call run.back()")


def test_a_shell_names_its_own_command(pforge):
    pforge("start", "sums.yaml")
    assert "pforge-lab back N takes 0 to 0, and pforge-lab goto goes forward" in pforge("back", "9").err
