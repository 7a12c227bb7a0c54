"""What the tests of the notebooks share: where they are, their tools, and Jupyter directories of their own."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="session")
def notebooks():
    """Return the folder of the notebooks."""
    return NOTEBOOKS


@pytest.fixture(scope="session")
def flights_tools():
    """Return the module of the flights tools, loaded as a file beside its pipeline."""
    spec = importlib.util.spec_from_file_location("flights_tools_under_test", NOTEBOOKS / "flights_tools.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def jupyter_home(tmp_path, monkeypatch):
    """Point Jupyter and IPython at empty directories; return the environment of a subprocess that does."""
    for variable in (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
        "MPLCONFIGDIR",
    ):
        folder = tmp_path / "jupyter" / variable.lower()
        folder.mkdir(parents=True)
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    return dict(os.environ)
