"""Notebooks under the engine ``pforge``: recorded, killed, resumed, with real kernels."""

from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient.exceptions import DeadKernelError
from papermill.engines import papermill_engines

from pforge_lab.papermill_engine import PforgeEngine

papermill_engines.register("pforge", PforgeEngine)

SOURCES = [
    "import os, signal\nimport numpy as np, pandas as pd\ndef mark(n):\n    with open('marks.txt', 'a') as file: file.write(f'{n} ')",
    "mark(2); n = 2; a = [1]; b = {'list': a}",
    "mark(3); big = np.arange(100_000); lines = open('marks.txt'); squares = (i * i for i in range(3))",
    "mark(4)\nclass Box:\n    def __init__(self, held): self.held = held\nbox = Box(a); print('made')",
    "mark(5)\ndef counter():\n    count = 0\n    def up():\n        nonlocal count\n        count += n\n        return count\n    return up\nup = counter(); up()",
    "if os.path.exists('kill'):\n    os.remove('kill'); os.kill(os.getpid(), signal.SIGKILL)\nmark(6); a.append(2)",
    "mark(7); n = 10; print(up(), a is b['list'], box.held is a, type(box) is Box, big.sum())",
    "pd.DataFrame({'x': a})",
]


def write(path: Path, sources=SOURCES):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    nbformat.write(notebook, path)


def shown(notebook):
    cells = [cell for cell in notebook.cells if "pforge-report" not in cell.metadata.get("tags", [])]
    return [(cell.execution_count, cell.outputs) for cell in cells if cell.cell_type == "code"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.ipynb")
    return tmp_path


@pytest.mark.kernel
@pytest.mark.filterwarnings("default")
def test_a_killed_notebook_goes_on_to_what_an_undisturbed_one_shows(folder):
    undisturbed = papermill.execute_notebook("in.ipynb", "plain.ipynb", progress_bar=False)
    (folder / "marks.txt").unlink()
    (folder / "kill").touch()
    with pytest.raises(DeadKernelError):
        papermill.execute_notebook("in.ipynb", "out.ipynb", engine_name="pforge", progress_bar=False)
    resumed = papermill.execute_notebook(
        "in.ipynb", "out.ipynb", engine_name="pforge", progress_bar=False, pforge_resume="1"
    )
    assert (folder / "marks.txt").read_text().split() == ["2", "3", "4", "5", "6", "7"]
    assert shown(resumed) == shown(undisturbed)
    assert resumed.metadata.pforge.status == "done"
