"""The root of the repository keeps what it promises."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_environment_follows_from_pyproject():
    """environment.yml is what `make environment` would write."""
    made = runpy.run_path(str(ROOT / ".ci/environment.py"))["environment"](ROOT / "pyproject.toml")
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == made


def test_binder_follows_from_pyproject():
    """Binder's environment is the same without the package, which its own script installs from the root."""
    made = runpy.run_path(str(ROOT / ".ci/environment.py"))["environment"](
        ROOT / "pyproject.toml", package=False
    )
    assert (ROOT / "binder/environment.yml").read_text(encoding="utf-8") == made
    assert os.access(ROOT / "binder/postBuild", os.X_OK)


def test_the_environment_asks_conda_forge_by_its_names():
    """Its ``xxhash`` is the library in C; names are in lower case; every package is in one place or the other."""
    text = (ROOT / "binder/environment.yml").read_text(encoding="utf-8")
    by_conda, by_pip = (re.findall(r"^ +- \"?([\w.-]+)", part, re.MULTILINE) for part in text.split("- pip:"))
    assert {"python-xxhash", "jupyter_client"} <= set(by_conda)
    assert not {"xxhash", "jupyter-client", *by_pip} & set(by_conda)
    assert [name for name in by_conda if name != name.lower()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    asked = {name.removeprefix("python-").replace("_", "-") for name in by_conda + by_pip}
    assert {re.split(r"[>; ]", one)[0].lower() for one in wanted} <= asked  # so that postBuild installs none


def test_lock_is_hashed_and_names_no_index():
    """The lock pins every package by hash and holds no address of an index."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^[A-Za-z0-9_.\-]+(?:\[[^\]]*\])?==", text, re.MULTILINE)
    assert len(pins) > 50
    assert text.count("--hash=sha256:") >= len(pins)
    assert not re.search(r"--(extra-)?index-url|--find-links|https?://", text)


def test_the_page_of_the_command_line_names_every_command():
    """Every command of pforge-lab has its line in the table."""
    from pforge_lab.cli.main import cli

    text = (ROOT / "docs" / "howto" / "command-line.md").read_text(encoding="utf-8")
    missing = [name for name in cli.commands if not re.search(rf"`(?:pforge-lab |%pforge )?{name}\b", text)]
    assert not missing


def test_readme_says_why_each_dependency_is_there():
    """Every dependency is in the README's table with its reason."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[>=\[ ;]", one)[0] for one in project["dependencies"]}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## Why each dependency is there") :]
    assert not [name for name in sorted(names) if name not in table]


def test_what_the_package_imports_is_declared():
    """Each module that is not Python's own comes with a dependency, or with an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [
        *project["dependencies"],
        *(one for some in project["optional-dependencies"].values() for one in some),
    ]
    names = {re.split(r"[>; ]", one)[0].lower().replace("_", "-") for one in declared}
    imported = {
        name.partition(".")[0]
        for file in (ROOT / "pforge_lab").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module] if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }  # fmt: skip
    homes = packages_distributions()
    # polars is the user's, pydantic_core a part of pydantic, compression in the standard library from 3.14 on
    known = {"pforge_lab", "polars", "pydantic_core", "compression"}
    foreign = imported - set(sys.stdlib_module_names) - known
    found = {name: {home.lower().replace("_", "-") for home in homes.get(name, [name])} for name in foreign}
    assert {name: home for name, home in found.items() if not home & names} == {}


def test_nothing_is_skipped_without_a_reason():
    """Neither a test nor an example; what a test needs and is missing fails where nothing may be skipped."""
    bare = re.compile(
        r"doctest: *\+SKIP|mark\.skip\b(?!\()|pytest\.skip\(\)|(?:mark\.skip(?:if)?|importorskip)\((?![^\n]*reason=)[^\n]*\)\n"
    )
    files = [file for folder in ("pforge_lab", "tests") for file in (ROOT / folder).rglob("*.py")]
    found = [
        file.name
        for file in files
        if file != Path(__file__) and bare.search(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_page_of_installing_has_every_extra():
    """Each extra has its row, with the packages that it brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", text, re.MULTILINE))
    brought = {
        extra: ", ".join(re.split(r"[>=\[ ;]", one)[0] for one in packages)
        for extra, packages in project["optional-dependencies"].items()
    }
    assert {extra: set(row.split(", ")) for extra, row in rows.items()} == {
        extra: set(packages.split(", ")) for extra, packages in brought.items()
    }


def test_the_changelog_and_the_version_agree():
    """What is not released yet heads the changelog and names the version it will be, or that version heads it."""
    from pforge_lab.version import __version__

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading, body = re.search(r"^## \[(.*?)\](.*?)(?=^## \[|\Z)", text, re.MULTILINE | re.DOTALL).groups()
    release, dev, _ = __version__.partition(".dev")
    assert heading == ("Unreleased" if dev else release)
    assert release in body or not dev


@pytest.mark.parametrize(
    "heavy_module",
    [
        *("matplotlib", "ipywidgets", "papermill", "dask", "IPython", "ZODB"),
        *("numpy", "pandas", "pydantic", "jinja2", "asyncio"),
    ],
)
def test_importing_stays_light(heavy_module, loaded_modules):
    """`import pforge_lab` imports none of what only some users need."""
    assert heavy_module not in loaded_modules


@pytest.fixture(scope="module")
def loaded_modules():
    code = "import sys, pforge_lab; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_every_public_name_is_there_and_listed():
    """What is imported when it is first asked for is found, and told by dir()."""
    code = "import pforge_lab as pf; import pforge_lab.runs.api; print(sorted(set(pf.__all__) - set(dir(pf))), callable(pf.runs), [n for n in pf.__all__ if not hasattr(pf, n)], pf.meter.lifetime_peak() > 0, hasattr(pf, 'nothing'))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[] True [] True False\n"


def test_every_notebook_ships_in_the_wheel():
    """What git tracks below notebooks/ is what the wheel takes along, and nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    done = subprocess.run(
        ["git", "ls-files", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout: an unpacked sdist does not know what git tracks")
    assert sorted(shipped) == sorted(done.stdout.split())
    assert all(target == f"pforge_lab/_{source}" for source, target in shipped.items())


@pytest.mark.parametrize(
    "first",
    ["from pforge_lab import Pipeline, StateManager", "from pforge_lab.pipeline.spec import Pipeline\nfrom pforge_lab.state import StateManager"],
    ids=["package", "modules"],
)  # fmt: skip
def test_a_state_manager_is_no_param_however_early_a_pipeline_is_made(first):
    """Nothing of runs has been asked for yet."""
    code = f"""
{first}
def visit(name: str, state: StateManager): return state.increment(name)
print(list(Pipeline.from_functions("greet", visit).params))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['name']\n"
