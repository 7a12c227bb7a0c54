"""What the engine is asked for by the environment, and what it leaves behind."""

from __future__ import annotations

import stat

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


def test_a_success_keeps_its_records_only(folder, pforge, run_of):
    write(folder / "in.ipynb", ["x = 1", "y = x + 1"])
    pforge()
    run = run_of()
    assert [record.changed for record in run.history] == [("x",), ("y",)]
    with pytest.raises(pf.PositionError, match="records only when done"):
        run.goto(1)
    with pytest.raises(pf.NotKept):
        run.at(2).variables["y"]


def test_a_failure_keeps_its_last_snapshot(folder, pforge, run_of):
    write(folder / "in.ipynb", FAILING)
    fails(pforge)
    run = run_of()
    assert (run.status, run.position) == ("failed", 3)
    assert run["x"] == [1, 2]
    with pytest.raises(pf.NotKept):
        run.at(1).variables["x"]


def test_the_environment_says_which_variables_are_never_kept(folder, pforge, run_of, monkeypatch):
    monkeypatch.setenv("PFORGE_EXCLUDE", "tok*,other")
    write(folder / "in.ipynb", FAILING)
    fails(pforge)
    assert "token" not in run_of().variables.present()
    assert not any(b"sec-ret" in path.read_bytes() for path in (folder / "out.ipynb.pforge").rglob("*.fs"))


def test_nobody_else_can_read_what_is_kept(folder, pforge):
    write(folder / "in.ipynb", FAILING)
    fails(pforge)
    place = folder / "out.ipynb.pforge"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    files = [path for path in place.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_no_report_is_appended_when_the_environment_says_so(folder, pforge, monkeypatch):
    monkeypatch.setenv("PFORGE_REPORT", "0")
    write(folder / "in.ipynb", ["x = 1"])
    assert len(pforge().cells) == 1


def test_the_report_has_the_table_and_the_chart(folder, pforge):
    write(folder / "in.ipynb", ["x = 1"])
    last = pforge().cells[-1]
    assert "cell 1" in report(read("out.ipynb"))
    assert [sorted(output.data) for output in last.outputs] == [["text/html", "text/plain"], ["image/png"]]


def test_no_variables_are_kept_when_the_environment_says_so(folder, pforge, run_of, monkeypatch):
    monkeypatch.setenv("PFORGE_SNAPSHOTS", "0")
    write(folder / "in.ipynb", FAILING)
    fails(pforge)
    run = run_of()
    assert run.history[1].memory is not None
    with pytest.raises(pf.NotKept, match="snapshots are off"):
        run["x"]


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


def test_the_default_store_is_beside_the_output_wherever_the_notebook_is_executed(folder, pforge):
    (folder / "elsewhere").mkdir()
    write(folder / "in.ipynb", ["x = 1"])
    pforge(cwd="elsewhere")
    assert (folder / "out.ipynb.pforge" / "run.fs").exists()


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


def test_a_store_that_cannot_be_opened_stops_a_strict_job_before_anything_runs(folder, pforge):
    write(folder / "in.ipynb", ["open('executed', 'w').close()"])
    with pytest.raises(RecordingFailed, match="nothing was executed"):
        pforge(pforge_state="in.ipynb/lab.fs", pforge_strict=True)
    assert not (folder / "executed").exists()
