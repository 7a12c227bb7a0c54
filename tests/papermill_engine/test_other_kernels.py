"""Kernels that have no recorder: time and memory of each cell, and it says so."""

from __future__ import annotations

import papermill
import pytest

from pforge_lab.papermill_engine import RecordingFailed
from tests.papermill_engine.conftest import report, shown, write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

PYTHON = ["import mmap", "with mmap.mmap(-1, 60_000_000) as b: b.write(bytes(60_000_000))", "print(1 + 1)"]


def test_a_python_without_pforge_lab_has_its_time_and_its_true_peak_recorded(kernels, pforge, run_of):
    write(kernels / "in.ipynb", PYTHON, kernel="without")
    plain = papermill.execute_notebook("in.ipynb", "plain.ipynb", progress_bar=False)
    done = pforge()
    assert shown(done) == shown(plain)
    run = run_of()
    assert (run.status, run.position) == ("done", 3)
    memory = run.history[1].memory
    assert memory.peak - memory.before > 50_000_000 > memory.after - memory.before
    assert (memory.method, memory.exact) == ("VmHWM", True)
    assert "No module named 'pforge_lab'" in report(done)
    assert "time and memory only" in report(done)


def test_a_kernel_of_another_language_has_its_time_and_its_true_peak_recorded(kernels, pforge, run_of):
    write(kernels / "in.ipynb", ["say hello", "hold 60000000", "say bye"], kernel="words", language="words")
    done = pforge()
    assert [cell.outputs[0].text for cell in (done.cells[0], done.cells[2])] == ["hello", "bye"]
    run = run_of()
    memory = run.history[1].memory
    assert memory.peak - memory.before > 50_000_000 > memory.after - memory.before
    assert run.history[0].logs[0].text == "hello"
    assert run.stale() == []
    assert "its language is words" in report(done)


def test_a_cell_that_fails_there_is_the_attempt_of_the_run(kernels, pforge, run_of):
    write(kernels / "in.ipynb", ["say hello", "fail at once", "say bye"], kernel="words", language="words")
    with pytest.raises(papermill.PapermillExecutionError):
        pforge()
    run = run_of()
    assert (run.status, run.position, run.attempt.error) == ("failed", 1, "Failed: at once")


def test_resuming_such_a_run_executes_all_of_it_and_says_why(kernels, pforge):
    write(kernels / "in.ipynb", ["say hello", "fail"], kernel="words", language="words")
    with pytest.raises(papermill.PapermillExecutionError):
        pforge()
    write(kernels / "in.ipynb", ["say hello", "say bye"], kernel="words", language="words")
    done = pforge(pforge_resume="1")
    assert done.metadata.pforge.executed_again == {"1": "the run kept no variables"}
    assert done.metadata.pforge.status == "done"


def test_a_run_does_not_go_on_in_a_kernel_that_cannot_be_given_its_variables(kernels, pforge):
    write(kernels / "in.ipynb", ["x = 1", "1 / 0"])
    with pytest.raises(papermill.PapermillExecutionError):
        pforge()
    write(kernels / "in.ipynb", ["x = 1", "open('executed', 'w').close()"], kernel="without")
    with pytest.raises(
        RecordingFailed, match=r"nothing was executed: the kernel has no recorder .* variables of run in-"
    ):
        pforge(pforge_resume="1")
    assert not (kernels / "executed").exists()


def test_strict_executes_nothing_in_a_kernel_without_a_recorder(kernels, pforge):
    write(kernels / "in.ipynb", ["open('executed', 'w').close()"], kernel="without")
    with pytest.raises(RecordingFailed, match="nothing was executed: the kernel has no recorder"):
        pforge(pforge_strict=True)
    assert not (kernels / "executed").exists()


def test_what_child_processes_held_is_in_the_record_of_their_cell(folder, pforge, run_of):
    hold = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', \"x = bytearray(90_000_000); open('fifo').read()\"])"
    write(
        folder / "in.ipynb",
        [
            "import os, threading\nos.mkfifo('fifo')",
            "1",
            f"release = threading.Timer(0.5, lambda: open('fifo', 'w').close()); release.start()\n{hold}",
            "2",
        ],
    )
    pforge()
    peaks = [record.memory.child_peak for record in run_of().history]
    assert peaks[1] is None
    assert peaks[2] > 90_000_000
    assert peaks[3] is None
