"""A store that a live process holds, such as the kernel of a job: looking works, the rest says who holds it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HOLDS = """
import sys
import pforge_lab as pf
def one(): return [1, 2]
def two(one): return sum(one)
run = pf.Pipeline.from_functions("held", one, two).start(state="lab.fs")
run.step()
print(run.id, flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Return a folder whose ``lab.fs`` a live process holds."""
    folder = tmp_path_factory.mktemp("held")
    (folder / "holds.py").write_text(HOLDS)
    holder = subprocess.Popen(
        [sys.executable, "holds.py"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    holder.stdout.readline()
    yield folder
    holder.communicate("\n", timeout=60)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "one"], "2"),
        (["status"], "held"),
        (["vars"], "one"),
        (["diff"], "one"),
        (["runs"], "held"),
        (["memory"], "one"),
        (["state", "stats"], "keys"),
        (["state", "ls", "pforge/head/"], "pforge/head/"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_commands_that_look_read_beside_it(pforge, held, monkeypatch, words, told):
    monkeypatch.chdir(held)
    said = pforge("--state", "lab.fs", *words)
    assert (said.code, told in said.out) == (0, True), said.err


@pytest.mark.parametrize(
    "words", [["step"], ["back"], ["state", "set", "a", "1"], ["state", "compact"]], ids=" ".join
)
def test_commands_that_write_say_who_holds_it(pforge, held, monkeypatch, words):
    monkeypatch.chdir(held)
    said = pforge("--state", "lab.fs", *words)
    assert (said.code, "lab.fs is in use by process" in said.err) == (5, True), said.err
