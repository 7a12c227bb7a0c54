"""Sweeps of a notebook: an output and a recorded run for each set; again, only what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest

import pforge_lab as pf
from tests.papermill_engine.conftest import write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

CELLS = [
    "month: int = 1\nbroken = ''",
    "numbers = list(range(month)); print('cell', 2, file=open(f'marks-{month}', 'a'))",
    "from pathlib import Path\nif broken and Path(broken).exists() and month == 2: raise ValueError('odd')",
    "total = sum(numbers); print(total)",
]


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Stand in a folder with a notebook."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "night.ipynb", CELLS, tags={1: ["parameters"]})
    return tmp_path


def marks(folder):
    """Return how often the second cell was executed, by month."""
    return {int(file.name[6:]): len(file.read_text().splitlines()) for file in folder.glob("marks-*")}


def test_each_set_has_an_output_and_a_run_failed_ones_go_on_and_again_only_what_is_missing_is_executed(night):
    (night / "broken").touch()
    options = {"state": "lab.fs", "workers": 2, "outputs": ["total"], "progress": False}
    grid = {"month": [1, 2], "broken": ["broken"]}
    first = pf.sweep("night.ipynb", grid, **options)
    assert first.columns.to_list() == ["month", "broken", "status", "seconds", "peak", "total", "error", "run", "notebook"]  # fmt: skip
    assert first.status.to_list() == ["done", "failed"]
    assert first.error[1] == "ValueError: odd"
    assert (first.peak > 0).all()
    (night / "broken").unlink()
    again = pf.sweep("night.ipynb", grid, **options)
    assert again.status.to_list() == ["done", "done"]
    assert again.total.to_list() == [0, 1]
    assert marks(night) == {1: 1, 2: 1}
    with pf.open_state("lab.fs") as state:
        assert len(pf.open_run(again.run[1], state=state).records) == 5  # with the parameters
    output = nbformat.read(again.notebook[1], as_version=4)
    assert output.cells[4].outputs[0].text == "1\n"


def test_workers_write_to_a_shared_store_and_a_changed_cell_is_executed_again(night):
    options = {"state": "sqlite:lab.db", "folder": "made", "progress": False}
    with ThreadPoolExecutor(2) as pool:
        pf.sweep(night / "night.ipynb", {"month": [3]}, executor=pool, **options)
        write(night / "night.ipynb", [*CELLS[:3], "print(-1)"], tags={1: ["parameters"]})
        frame = pf.sweep(night / "night.ipynb", {"month": [3]}, executor=pool, **options)
    assert frame.status.to_list() == ["done"]
    assert frame.notebook[0] == str(night / "made" / "night-month=3.ipynb")
    assert nbformat.read(frame.notebook[0], as_version=4).cells[4].outputs[0].text == "-1\n"
    assert len(pf.runs("sqlite:lab.db")) == 1


def test_wrong_parameters_are_told_all_at_once_before_any_kernel_starts(night):
    with pytest.raises(pf.ParamError) as caught:
        pf.sweep("night.ipynb", [{"month": "x"}, {"moth": 1}], state="memory:wrong-night")
    assert [fault.field for fault in caught.value.faults] == ["month", "moth"]
    assert not (night / "night-sweep").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": {"broken": [object()]}}, "numbers, texts, lists and dicts"),
        ({"grid": {"month": [1]}, "outputs": "total"}, r"\['total'\]"),
        ({"pipeline": "night.yaml", "grid": {"month": [1]}}, "is no notebook"),
        ({"pipeline": "empty.ipynb", "grid": {"month": [1]}}, "tagged 'parameters'"),
    ],
)
def test_wrong_use_is_told_in_one_line(night, options, message):
    write(night / "empty.ipynb", ["1"])
    with pytest.raises(pf.UsageError, match=message):
        pf.sweep(**({"pipeline": "night.ipynb", "state": "memory:wrong-use-of-night"} | options))


def test_values_that_are_no_names_of_files_get_a_mark(night):
    from pforge_lab.sweeps.notebooks import SweptNotebook

    notebook = SweptNotebook.read("night.ipynb", None)
    paths = {notebook.output({"broken": text}).name for text in ("a/b", "a b", "a" * 300, "ab")}
    assert len(paths) == 4
    assert "night-broken=ab.ipynb" in paths
    assert all(len(name) < 200 and "/" not in name for name in paths)


def test_a_set_whose_worker_is_killed_goes_on_after_its_last_completed_cell(night):
    kills = "import os, signal\nfrom pathlib import Path\nif not Path('killed').exists():\n    Path('killed').touch()\n    os.kill(os.getppid(), signal.SIGKILL)\n    signal.pause()  # the kernel of a killed parent ends itself"
    write(night / "night.ipynb", [*CELLS[:2], kills, CELLS[3]], tags={1: ["parameters"]})
    frame = pf.sweep(
        "night.ipynb", {"month": [4]}, state="lab.fs", workers=1, outputs=["total"], progress=False
    )
    assert (frame.status[0], frame.total[0]) == ("done", 6)
    assert (night / "killed").exists()
    assert marks(night) == {4: 1}
