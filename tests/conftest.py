"""Shared by all tests: how heavy they are, isolation from the user's own files, keys and small runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pforge_lab as pf

FULL = os.environ.get("PFORGE_TEST_FULL") == "1"


@pytest.fixture(scope="session")
def heavy():
    """Return a function that gives the full count in `make test-full` and a tenth of it otherwise."""
    return lambda full: full if FULL else max(1, full // 10)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Return the folder of a wheel and an sdist, built with what is installed here."""
    target = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", target, Path(__file__).parent.parent],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(autouse=True)
def _own_directories(tmp_path_factory, monkeypatch):
    """Keep keys and default stores of the tests out of the user's directories."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PFORGE_KEY", str(home / "key"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))


@pytest.fixture
def key(tmp_path, monkeypatch):
    """Return a function that makes this process use the key of that name."""

    def use(name):
        monkeypatch.setenv("PFORGE_KEY", str(tmp_path / name))
        return {**os.environ}

    return use


@pytest.fixture
def numbers_run(tmp_path):
    """Return a run of one step in a file, and its store."""

    def one():
        return {"a": 1}

    with pf.open_state(tmp_path / "lab.fs") as state:
        run = pf.Pipeline.from_functions("numbers", one).start(state=state)
        run.step()
        yield run, state


@pytest.fixture
def memory_url(request):
    """Return the URL of a store in memory that is this test's own."""
    return f"memory:bad-input-{request.node.name}"


@pytest.fixture
def restless():
    """Let threads take turns far more often than usual, so that a race shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
