"""What tests of the command line share: a folder with a pipeline, and `pforge-lab` in it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pforge_lab.cli.main import main
from pforge_lab.state import opening

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = """
import os

def load(n=3):
    return list(range(n))

def total(load):
    print("adding")
    return sum(load)

def check(total, limit=100):
    if total > limit:
        raise ValueError(f"{total} is over {limit}")
    return "fine"
"""

PIPELINE = """
name: sums
params:
  n: { type: integer, default: 3 }
  limit: { type: number, default: 100 }
tools:
  - { type: native, name: load, handler: { path: "tools:load" } }
  - { type: native, name: total, handler: { path: "tools:total" } }
  - { type: native, name: check, handler: { path: "tools:check" } }
steps:
  - { tool: load, input: { n: "{{ n }}" }, output_var: load }
  - { tool: total, input: { load: "{{ load }}" }, output_var: total }
  - { tool: check, input: { total: "{{ total }}", limit: "{{ limit }}" }, output_var: check }
"""


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a folder with a pipeline and its tools; close the stores that commands opened there."""
    (tmp_path / "tools.py").write_text(textwrap.dedent(TOOLS), encoding="utf-8")
    (tmp_path / "sums.yaml").write_text(textwrap.dedent(PIPELINE), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    before = set(opening._open)
    yield tmp_path
    for place in set(opening._open) - before:
        state, _ = opening._open[place]
        while not state.closed:
            state.close()


@pytest.fixture
def pforge(folder, monkeypatch, capsys):
    """Return a function that executes a command line as the program does: in this process, and thus fast."""

    def execute(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["pforge-lab", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as left:
            code = left.code
        return Said(code, *capsys.readouterr())

    return execute


@pytest.fixture
def shell(folder):
    """Return a function that executes a command line as a process of its own."""

    def execute(*arguments: str, **options: Path) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "pforge_lab", *arguments],
            cwd=folder, capture_output=True, text=True, check=False, **options,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    return execute


@pytest.fixture
def ran(pforge):
    """Run the pipeline with n=4; return the function that executes commands."""
    assert pforge("run", "sums.yaml", "-p", "n=4").code == 0
    return pforge
