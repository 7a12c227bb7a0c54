"""What stays of widgets in notebooks that are executed without a page, and exported."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

pytestmark = pytest.mark.kernel

RUNS = """%load_ext pforge_lab
import pforge_lab as pf
def count(n: int): return list(range(n))
pipeline = pf.Pipeline.from_functions("counting", count)
for n in (3, 4): pipeline.start({"n": n}, id=f"run-{n}").finish()
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return a notebook that shows every widget, as nbclient leaves it."""
    shown = ["%pforge runs", "%pforge compare run-3 run-4", "pf.open_run('run-3').ui()", "%pforge state ui"]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (RUNS, *shown)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    folder = tmp_path_factory.mktemp("executed")
    return NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()


def test_outputs_are_tables_without_widgets(executed):
    """Nothing that needs a kernel, and no text that is a widget's repr."""
    for cell, fact in zip(
        executed.cells[1:], ("2 runs in", "two runs compared", "run-3", "No keys"), strict=True
    ):
        (output,) = cell.outputs
        assert set(output.data) == {"text/html", "text/plain"}
        assert fact in output.data["text/html"]
        assert fact in output.data["text/plain"]


def test_an_export_shows_them_all(executed):
    """Without asking another host for a widget's scripts."""
    page, _ = HTMLExporter().from_notebook_node(executed)
    for fact in ("2 runs in", "two runs compared", "counting", "No keys but those of runs"):
        assert fact in page
    assert "unpkg" not in page
