"""What commands write with variables inside is for its owner alone, whatever the umask of the shell."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

PIPELINE = """
name: words
params: { text: string }
tools:
  - { type: native, name: split, handler: { path: "tools:split" } }
steps:
  - { tool: split, input: { text: "{{ text }}" }, output_var: words }
"""


@pytest.fixture
def shell(tmp_path):
    """Return a function that calls pforge-lab in a shell whose umask hides nothing."""
    (tmp_path / "words.yaml").write_text(PIPELINE)
    (tmp_path / "tools.py").write_text("def split(text): return text.split() * 200_000\n")

    def call(*words):
        done = subprocess.run(
            [sys.executable, "-m", "pforge_lab", *words],
            cwd=tmp_path, umask=0, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    return call


def open_to_others(folder):
    """Return the files that others could read: no folder on the way is closed to them, nor the file itself."""
    return {
        str(place.relative_to(folder))
        for place in folder.rglob("*")
        if place.is_file()
        and place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        and all(up.stat().st_mode & stat.S_IXOTH for up in place.parents if folder in up.parents)
    }


def test_a_run_in_the_default_place_is_for_its_owner_only(shell, tmp_path):
    """Stores below .pforge/, large values beside them, and the key cannot be read by others."""
    shell("run", "words.yaml", "-p", "text=to be or not")
    (store,) = tmp_path.glob(".pforge/*.fs")
    assert store.stat().st_mode & 0o777 == 0o600
    assert open_to_others(tmp_path / ".pforge") <= {".gitignore"}
    assert Path(os.environ["PFORGE_KEY"]).stat().st_mode & 0o777 == 0o600


def test_a_run_in_a_named_store_and_its_export_are_for_their_owner_only(shell, tmp_path):
    """A store in an open folder, what stands beside it, the exported run and what imports it."""
    before = open_to_others(tmp_path)
    shell("--state", "lab.fs", "run", "words.yaml", "-p", "text=to be", "--id", "one")
    shell("--state", "lab.fs", "export", "one", "one.pfz")
    shell("--state", "other.fs", "import", "one.pfz")
    assert (tmp_path / "one.pfz").exists()
    written = {name for name in open_to_others(tmp_path) - before if "__pycache__" not in name}
    assert written == set()


def test_the_store_of_a_recorded_notebook_is_for_its_owner_only(shell, tmp_path):
    """The variables of the cells stand in a store that others cannot read."""
    kernel = {"name": "python3", "display_name": "", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell("token = 'abc' * 1000")]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    shell("notebook", "in.ipynb", "out.ipynb")
    (store,) = tmp_path.glob("out.ipynb.pforge/*.fs")
    assert store.stat().st_mode & 0o777 == 0o600
    assert open_to_others(tmp_path / "out.ipynb.pforge") <= {".gitignore"}
