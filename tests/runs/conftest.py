"""What tests of runs share: stores that start empty, and Python processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest

import pforge_lab as pf

if TYPE_CHECKING:
    from pathlib import Path

_numbers = count()


@pytest.fixture
def memory():
    """Return the URL of a store in memory that no other test uses."""
    return f"memory:runs-{next(_numbers)}"


@pytest.fixture(params=["memory", "zodb"])
def place(request, memory, tmp_path):
    """Return the URL of an empty store: in memory, and in a file."""
    return memory if request.param == "memory" else str(tmp_path / "lab.fs")


@dataclass(frozen=True)
class Scripts:
    """Python scripts that run as processes of their own, in a folder of their own."""

    folder: Path

    def write(self, name: str, code: str) -> Path:
        """Write a script beside the others."""
        path = self.folder / name
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        return path

    def run(self, name: str, code: str | None = None, *arguments: str, check: bool = True, **options):
        """Run a script to its end and return what it printed, by lines."""
        with self.start(name, code, *arguments, **options) as process:
            out, err = process.communicate()
        assert not check or process.returncode == 0, err
        return out.splitlines()

    def start(self, name: str, code: str | None = None, *arguments: str, env=None, **options):
        """Start a script; its standard streams are pipes of text."""
        if code is not None:
            self.write(name, code)
        return subprocess.Popen(
            [sys.executable, name, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )


@pytest.fixture
def scripts(tmp_path):
    """Return a folder in which scripts run."""
    return Scripts(tmp_path)


@pytest.fixture
def numbers():
    """Return a pipeline of three steps that each make a variable from the one before."""

    def one(n: int):
        return [n]

    def two(one):
        return [*one, 2]

    def three(two):
        return [*two, 3]

    return pf.Pipeline.from_functions("numbers", one, two, three)


@pytest.fixture
def run(numbers, memory):
    """Return a run of three steps that has not begun."""
    return numbers.start({"n": 1}, state=memory)
