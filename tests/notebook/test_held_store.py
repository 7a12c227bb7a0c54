"""``%pforge open`` of a store that another process holds: it is looked at, and said so."""

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


@pytest.fixture
def holder(shell, tmp_path, monkeypatch):
    """Return a process that has stepped a run in ``lab.fs`` and holds it as the notebook night.ipynb."""
    monkeypatch.setenv("JPY_SESSION_NAME", "night.ipynb")
    (tmp_path / "holds.py").write_text(HOLDS)
    process = subprocess.Popen(
        [sys.executable, "holds.py"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    yield process
    ended(process)


def ended(process):
    """Have the holder end, if it has not."""
    if process.stdin and not process.stdin.closed:
        process.communicate("\n", timeout=60)


def test_it_says_who_holds_it_and_shows_what_is_there(cell, holder):
    opened = cell("%pforge open lab.fs")
    assert not opened.error
    assert f"lab.fs is in use by process {holder.pid} since " in opened.out
    assert "notebook night.ipynb; it is open for looking only" in opened.out
    assert cell("%pforge attach").result.position == 1
    assert cell("%pforge show one").result == [1, 2]


def test_what_would_write_is_refused_in_one_line(cell, holder):
    cell("%pforge open lab.fs")
    cell("%pforge attach")
    (line,) = cell("%pforge step").error
    assert "can only be looked at: its store is held by process" in line


def test_opened_again_when_the_other_has_ended_it_goes_on(cell, holder):
    cell("%pforge open lab.fs")
    ended(holder)
    assert cell("%pforge open lab.fs").result.mode == "w"
    assert cell("%pforge resume").result.variables["two"] == 3
