"""What tests of papermill's engine share: notebooks of a few cells, and kernels of other kinds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat
import papermill
import pytest
from papermill.engines import papermill_engines

import pforge_lab as pf
from pforge_lab.cli.main import main
from pforge_lab.papermill_engine import PforgeEngine
from pforge_lab.state import opening
from tests.papermill_engine.outputs import joined

if TYPE_CHECKING:
    from pathlib import Path

papermill_engines.register("pforge", PforgeEngine)

WITHOUT = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pforge_lab":
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Hide())
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""

WORDS = '''
"""A kernel of a language with three words: say TEXT, hold BYTES, fail."""
from mmap import mmap
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

class Words(Kernel):
    implementation = banner = "words"
    implementation_version = "1"
    language_info = {"name": "words", "mimetype": "text/plain", "file_extension": ".words"}

    def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False, **_):
        reply = {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}
        word, _, rest = code.partition(" ")
        if word == "say":
            self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": rest})
        elif word == "hold":
            with mmap(-1, int(rest)) as block:
                block.write(bytes(int(rest)))
        elif word == "fail":
            error = {"ename": "Failed", "evalue": rest, "traceback": []}
            self.send_response(self.iopub_socket, "error", error)
            reply |= error | {"status": "error"}
        return reply

IPKernelApp.launch_instance(kernel_class=Words)
'''


def write(path: Path, sources, kernel="python3", language="python", tags=None):
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": kernel, "display_name": kernel, "language": language}
    notebook.cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    for place, names in (tags or {}).items():
        notebook.cells[place - 1].metadata.tags = names
    nbformat.write(notebook, path)


def shown(notebook):
    """Return numbers and outputs of code cells, the report left out; what is printed in pieces is in one piece."""
    cells = [cell for cell in notebook.cells if "pforge-report" not in cell.metadata.get("tags", [])]
    return [(cell.execution_count, joined(cell.outputs)) for cell in cells if cell.cell_type == "code"]


def read(path):
    """Return a notebook."""
    return nbformat.read(path, as_version=4)


def report(notebook):
    """Return the text of the report at the end of a notebook."""
    (cell,) = [cell for cell in notebook.cells if "pforge-report" in cell.metadata.get("tags", [])]
    return cell.outputs[0].data["text/plain"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pforge(folder):
    """Return a function that executes ``in.ipynb`` to ``out.ipynb`` under the engine, in this process."""

    def execute(parameters=None, **options):
        return papermill.execute_notebook(
            "in.ipynb", "out.ipynb", parameters, engine_name="pforge", progress_bar=False, **options
        )

    return execute


@pytest.fixture
def shell(folder):
    """Return a function that executes papermill in a process of its own."""

    def execute(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "papermill", *arguments],
            cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip

    return execute


@dataclass(frozen=True)
class Said:
    """What a command line printed, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(folder, monkeypatch, capsys):
    """Return a function that executes a command line of pforge-lab in this process: as the program does, and fast."""

    def execute(*arguments, **environment):
        before = {place for place, (state, _) in opening._open.items() if not state.closed}
        capsys.readouterr()
        code = 0
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["pforge-lab", *arguments])
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                main()
            except SystemExit as left:
                code = left.code
        for place in set(opening._open) - before:  # as the end of the process would
            while not opening._open[place][0].closed:
                opening._open[place][0].close()
        return Said(code, *capsys.readouterr())

    return execute


@pytest.fixture
def run_of(folder):
    """Return a function that opens the run of ``out.ipynb`` to look at it."""
    states = []

    def opened(path="out.ipynb.pforge/run.fs"):
        states.append(pf.open_state(folder / path, mode="r"))
        return pf.open_run(state=states[-1])

    yield opened
    for state in states:
        state.close()


@pytest.fixture
def kernels(folder, monkeypatch):
    """Install two kernels: ``without``, a Python without pforge_lab, and ``words``, of another language."""
    (folder / "without.py").write_text(WITHOUT)
    (folder / "words.py").write_text(WORDS)
    for name, language in {"without": "python", "words": "words"}.items():
        place = folder / "jupyter" / "kernels" / name
        place.mkdir(parents=True)
        argv = [sys.executable, str(folder / f"{name}.py"), "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": name, "language": language}
        (place / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
    return folder
