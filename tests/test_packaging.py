"""What is built can be installed: the wheel and the sdist have what they need, and nothing else."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(built):
    """Return the names in the wheel, and its metadata."""
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        return names, Parser().parsestr(archive.read(metadata).decode())


def test_the_wheel_has_every_file_of_the_package(wheel):
    names, _ = wheel
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "pforge_lab").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here <= set(names)
    assert "pforge_lab/py.typed" in names


def test_the_wheel_has_the_notebooks_of_the_demo(wheel):
    names, _ = wheel
    assert {"pforge_lab/_notebooks/01-step-through.ipynb", "pforge_lab/_notebooks/flights.yaml"} <= set(names)


def test_the_wheel_has_nothing_else(wheel):
    names, _ = wheel
    assert {name.split("/")[0].split("-")[0] for name in names} == {"pforge_lab"}


def test_extras_and_commands_are_declared(wheel):
    names, metadata = wheel
    assert {"demo", "redis", "zeo", "postgresql", "dask", "sqlite", "trace"} <= set(
        metadata.get_all("Provides-Extra")
    )
    assert any(name.endswith("entry_points.txt") for name in names)


def test_the_sdist_can_be_tested(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "conftest.py",
        "tests/test_packaging.py",
        "notebooks/flights.yaml",
    } <= inside


def test_the_sdist_has_only_what_git_tracks(built):
    """Nothing that was written beside the sources travels: no stores, no keys, no built pages."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout: an unpacked sdist does not know what git tracks")
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        inside = {one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()}
    assert inside - {"PKG-INFO", *done.stdout.splitlines()} == set()
