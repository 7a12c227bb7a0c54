"""What the engine is asked for by the environment, and what it leaves behind."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys

import papermill
import pytest

import pforge_lab as pf
from pforge_lab.papermill_engine import RecordingFailed
from tests.papermill_engine.conftest import read, report, write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

FAILING = ["x = [1]", "x.append(2)", "token = '-'.join(['sec', 'ret'])", "1 / 0", "print(x)"]
# from the third cell on the store cannot grow: as on a full disk
FULL = [
    "import resource, signal; import numpy as np",
    "x = 1",
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))",
    "big = np.random.default_rng(0).integers(0, 2**62, 2_000_000)",
    "print('finished', x, len(big))",
]


def fails(pforge, **options):
    with pytest.raises(papermill.PapermillExecutionError):
        pforge(**options)


def executed(place, sources, **environment):
    """Execute cells in a folder, and return what came of it."""
    with contextlib.chdir(place), pytest.MonkeyPatch.context() as patch:
        for name, value in {"PFORGE_KEY": str(place / "key"), **environment}.items():
            patch.setenv(name, value)
        write(place / "in.ipynb", sources)
        with contextlib.suppress(papermill.PapermillExecutionError):
            papermill.execute_notebook("in.ipynb", "out.ipynb", engine_name="pforge", progress_bar=False)
    return place


@pytest.fixture(scope="module")
def success(tmp_path_factory):
    """Return the folder of a notebook that was done."""
    return executed(tmp_path_factory.mktemp("success"), ["x = 1", "y = x + 1"])


@pytest.fixture(scope="module")
def failure(tmp_path_factory):
    """Return the folder of a notebook that failed, of which the environment excludes a variable."""
    return executed(tmp_path_factory.mktemp("failure"), FAILING, PFORGE_EXCLUDE="tok*,other")


def looked_at(place):
    """Have the run of a folder open to look at it."""
    return pf.open_run(state=pf.open_state(place / "out.ipynb.pforge" / "run.fs", mode="r"))


def test_a_success_keeps_its_records_only(success):
    run = looked_at(success)
    assert [record.changed for record in run.history] == [("x",), ("y",)]
    with pytest.raises(pf.NotKept, match="records only when done"):
        run.at(2).variables["y"]
    run.state.close()


def test_the_report_has_the_table_and_the_chart(success):
    last = read(success / "out.ipynb").cells[-1]
    assert "cell 1" in last.outputs[0].data["text/plain"]
    assert [sorted(output.data) for output in last.outputs] == [["text/html", "text/plain"], ["image/png"]]


def test_a_chart_that_cannot_be_drawn_fails_no_good_job(folder):
    """Such as by settings of matplotlib that no picture can have."""
    (folder / "matplotlibrc").write_text("figure.dpi: 10000000\n")
    write(folder / "in.ipynb", ["x = 1"])
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--engine", "pforge"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (table,) = read("out.ipynb").cells[-1].outputs
    assert "the memory chart could not be drawn: ValueError: Image size" in table.data["text/plain"]
    assert "cell 1" in table.data["text/plain"]


def test_cells_know_their_time_and_memory(success):
    facts = read(success / "out.ipynb").cells[1].metadata.pforge
    assert (facts.position, facts.status, facts.changed) == (2, "done", ["y"])
    assert facts.memory.peak >= facts.memory.after > 0


def test_a_failure_keeps_its_last_snapshot(failure):
    run = looked_at(failure)
    assert (run.status, run.position) == ("failed", 3)
    assert run["x"] == [1, 2]
    with pytest.raises(pf.NotKept):
        run.at(1).variables["x"]
    run.state.close()


def test_the_environment_says_which_variables_are_never_kept(failure):
    run = looked_at(failure)
    assert "token" not in run.variables.present()
    run.state.close()
    assert not any(b"sec-ret" in path.read_bytes() for path in (failure / "out.ipynb.pforge").rglob("*.fs"))


def test_nobody_else_can_read_what_is_kept(failure):
    place = failure / "out.ipynb.pforge"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    files = [path for path in place.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_neither_report_nor_variables_when_the_environment_says_so(folder, pforge, run_of, monkeypatch):
    monkeypatch.setenv("PFORGE_SNAPSHOTS", "0")
    monkeypatch.setenv("PFORGE_REPORT", "0")
    write(folder / "in.ipynb", FAILING)
    fails(pforge)
    assert [cell.source for cell in read("out.ipynb").cells if cell.cell_type == "code"] == FAILING
    run = run_of()
    assert run.history[1].memory is not None
    with pytest.raises(pf.NotKept, match="snapshots are off"):
        run["x"]


def test_the_environment_says_how_many_snapshots_stay(folder, pforge, run_of, monkeypatch):
    """A number is one, although variables of the environment are texts."""
    monkeypatch.setenv("PFORGE_KEEP", "2")
    write(folder / "in.ipynb", ["x = 1", "x = 2", "x = 3"])
    pforge()
    run = run_of()
    assert [run.at(place).variables["x"] for place in (2, 3)] == [2, 3]
    with pytest.raises(pf.NotKept, match="keeps the last 2"):
        run.at(1).variables["x"]


def test_a_word_of_the_environment_that_means_nothing_is_refused_before_anything_runs(
    folder, pforge, monkeypatch
):
    monkeypatch.setenv("PFORGE_STRICT", "mabye")
    write(folder / "in.ipynb", ["open('executed', 'w').close()"])
    with pytest.raises(pf.UsageError, match="PFORGE_STRICT is 1, true, yes or on, .* not 'mabye'"):
        pforge()
    assert not (folder / "executed").exists()


def test_the_environment_names_the_store(folder, pforge, monkeypatch):
    """A relative path means the folder of the parent, wherever the notebook is executed."""
    monkeypatch.setenv("PFORGE_STATE", "runs/lab.fs")
    for name in ("runs", "elsewhere"):
        (folder / name).mkdir()
    write(folder / "in.ipynb", ["import os; print(os.getcwd())"])
    done = pforge(cwd="elsewhere")
    assert done.cells[0].outputs[0].text.strip() == str(folder / "elsewhere")
    assert len(pf.runs(folder / "runs" / "lab.fs")) == 1
    assert not (folder / "out.ipynb.pforge").exists()


def test_a_store_that_would_be_lost_is_refused_before_anything_runs(folder, pforge):
    write(folder / "in.ipynb", ["open('executed', 'w').close()"])
    with pytest.raises(pf.UsageError, match="memory: would be lost with the kernel"):
        pforge(pforge_state="memory:")
    assert not (folder / "executed").exists()


def test_resume_by_the_environment_goes_on_with_the_latest_or_with_the_run_named(
    folder, pforge, run_of, monkeypatch
):
    write(folder / "in.ipynb", ["print('once', file=open('marks', 'a')); x = 1", "1 / 0"])
    fails(pforge)
    run = run_of().id
    write(folder / "in.ipynb", ["print('once', file=open('marks', 'a')); x = 1", "print(x)"])
    monkeypatch.setenv("PFORGE_RESUME", run)
    assert pforge().metadata.pforge.run == run
    monkeypatch.setenv("PFORGE_RESUME", "1")
    assert pforge().metadata.pforge.run != run  # that one is done: a new one
    assert (folder / "marks").read_text().split() == ["once", "once"]


def test_on_a_full_disk_the_job_goes_on_and_the_report_names_the_last_resumable_cell(folder, pforge, run_of):
    write(folder / "in.ipynb", FULL)
    done = pforge()
    assert done.cells[4].outputs[0].text == "finished 1 2000000\n"
    assert "cells after it are not recorded" in done.metadata.pforge.trouble
    assert "the last cell that can be resumed from is 3" in report(done)
    run = run_of()
    assert (run.status, run.position, run["x"]) == ("interrupted", 3, 1)


@pytest.mark.parametrize(
    ("last", "status", "left"),
    [("print(x)", "interrupted", 0), ("1 / 0", "failed", 1)],
    ids=["done", "failed"],
)
def test_the_report_tells_cells_that_are_not_recorded_from_those_that_did_not_run(
    folder, pforge, last, status, left
):
    write(folder / "in.ipynb", [*FULL[:4], last, "2"])
    with pytest.raises(papermill.PapermillExecutionError) if left else contextlib.nullcontext():
        pforge()
    done = read("out.ipynb")
    assert (done.metadata.pforge.status, done.metadata.pforge.position) == (status, 3)
    assert (report(done).count("○ not recorded"), report(done).count("○ not run")) == (3 - left, left)
    if left:
        assert done.metadata.pforge.error == "ZeroDivisionError: division by zero"


def test_on_a_full_disk_a_strict_job_fails(folder, pforge, monkeypatch):
    monkeypatch.setenv("PFORGE_STRICT", "1")
    write(folder / "in.ipynb", FULL)
    with pytest.raises(RecordingFailed, match="was executed, but not recorded"):
        pforge()
    assert "finished" in read("out.ipynb").cells[4].outputs[0].text


def test_a_store_that_cannot_be_opened_does_not_stop_the_job(folder, pforge):
    write(folder / "in.ipynb", ["print('done')"])
    done = pforge(pforge_state="in.ipynb/lab.fs")
    assert done.cells[0].outputs[0].text == "done\n"
    assert "nothing is recorded" in done.metadata.pforge.trouble
