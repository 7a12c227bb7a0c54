"""Shared by all tests: how heavy they are, and isolation from the user's own files."""

from __future__ import annotations

import os

import pytest

FULL = os.environ.get("PFORGE_TEST_FULL") == "1"


@pytest.fixture(scope="session")
def heavy():
    """Return a function that gives the full count in `make test-full` and a tenth of it otherwise."""
    return lambda full: full if FULL else max(1, full // 10)


@pytest.fixture(autouse=True)
def _own_directories(tmp_path_factory, monkeypatch):
    """Keep keys and default stores of the tests out of the user's directories."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PFORGE_KEY", str(home / "key"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
