"""A notebook of twelve cells, killed in any of them, goes on to what an undisturbed execution shows."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import papermill
import pytest

from tests.papermill_engine.conftest import read, report, shown, write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

# what cells call in their middle, and at their end
CRASHING = """
import os, signal
from pathlib import Path

def at(cell):
    for name, pid in (("kernel", os.getpid()), ("parent", os.getppid())):
        if Path(name).exists() and Path(name).read_text() == str(cell):
            Path(name).unlink()
            os.kill(pid, signal.SIGKILL)
            signal.pause()  # the kernel of a killed parent ends itself

def done(cell):
    with open("marks", "a") as file:
        file.write(f"{cell} ")
"""

CELLS = [
    "import numpy as np, pandas as pd\nfrom crashing import at, done\nat(1)\ndone(1)",
    "n = 2; a = [1]; b = {'list': a}\nat(2)\ndone(2)",
    "frame = pd.DataFrame({'x': np.arange(6), 'k': list('aabbcc')})\nat(3)\nprint(len(frame)); done(3)",
    "big = np.arange(100_000); view = big[::2]\nat(4)\nview[0] = 7; done(4)",
    "class Box:\n    def __init__(self, held): self.held = held\nbox = Box(a)\nat(5)\nprint('made'); done(5)",
    "def counter():\n    count = 0\n    def up():\n        nonlocal count\n        count += n\n        return count\n    return up\nup = counter()\nat(6)\ndone(6)\nup()",
    "lines = open('in.ipynb'); first = next(lines)\nat(7)\nprint(first); done(7)",
    "squares = (i * i for i in range(4)); total = next(squares) + next(squares)\nat(8)\ndone(8)\ntotal",
    "a.append(n)\nat(9)\nprint(up(), a is b['list'], box.held is a, type(box) is Box); done(9)",
    "frame['y'] = frame.x * n\nat(10)\ndel n; done(10)\nframe",
    "means = frame.groupby('k').y.mean()\nat(11)\nn = 5; done(11)\nmeans",
    "print(up(), big.sum(), big[0], np.shares_memory(view, big), n)\nat(12)\ndone(12)\nframe.describe()",
]
BOTH = [[("kernel", 1), ("parent", 6), ("kernel", 9)], [("parent", 1), ("kernel", 6), ("parent", 9)]]
EACH = [[(killed, place)] for killed in ("kernel", "parent") for place in range(1, 13)]
FULL = bool(os.environ.get("PFORGE_TEST_FULL"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return what stock papermill shows."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "crashing.py").write_text(CRASHING)
    write(folder / "in.ipynb", CELLS)
    paths = str(folder / "in.ipynb"), str(folder / "out.ipynb")
    return shown(papermill.execute_notebook(*paths, cwd=str(folder), progress_bar=False))


@pytest.fixture
def job(folder):
    """Stand in a folder with the notebook."""
    (folder / "crashing.py").write_text(CRASHING)
    write(folder / "in.ipynb", CELLS)
    return folder


def marks(folder):
    return [int(mark) for mark in (folder / "marks").read_text().split()]


@pytest.mark.parametrize("kills", EACH if FULL else BOTH, ids=str)
def test_it_goes_on_to_what_an_undisturbed_one_shows(job, shell, pforge, undisturbed, kills):
    """No cell that was completed is executed again: each has left one mark."""
    for killed, place in kills:
        (job / killed).write_text(str(place))
        broken = shell("in.ipynb", "out.ipynb", "--engine", "pforge", PFORGE_RESUME="1", PFORGE_REPORT="0")
        assert broken.returncode == (-signal.SIGKILL if killed == "parent" else 138), broken.stderr
    resumed = pforge(pforge_resume="1")
    assert marks(job) == list(range(1, 13))
    assert shown(resumed) == undisturbed
    assert resumed.metadata.pforge.status == "done"


def test_the_kernel_of_a_killed_papermill_does_not_linger(job):
    write(job / "in.ipynb", ["1", "import os, signal\nprint(open('fifo', 'w').write(str(os.getpid())))\nsignal.pause()"])  # fmt: skip
    with started(job) as (papermill_process, kernel):
        papermill_process.kill()
        assert select.select([kernel], [], [], 20)[0]


def test_sigterm_is_recorded_and_ends_both(job, run_of, pforge):
    """The exit code is that of shells; the run is interrupted at its last good cell, and goes on."""
    write(job / "in.ipynb", ["x = 1", "if x == 1:\n    import os, signal\n    print(open('fifo', 'w').write(str(os.getpid())))\n    signal.pause()", "x + 1"])  # fmt: skip
    with started(job) as (papermill_process, kernel):
        papermill_process.terminate()
        assert papermill_process.wait(60) == 143
        assert select.select([kernel], [], [], 20)[0]
    run = run_of()
    assert (run.status, run.position) == ("interrupted", 1)
    assert "SIGTERM" in run.head.error
    output = read("out.ipynb")
    assert "interrupted" in report(output)
    assert [cell.metadata.papermill.status for cell in output.cells[:3]] == ["completed", "failed", "pending"]
    write(job / "in.ipynb", ["x = 1", "x = 2", "x + 1"])
    assert pforge(pforge_resume="1").cells[2].outputs[0].data["text/plain"] == "3"


class started:  # noqa: N801 - reads as a verb
    """Start papermill on a notebook whose cell writes the kernel's number into ``fifo``; wait until it has."""

    def __init__(self, folder):
        os.mkfifo(folder / "fifo")
        self.folder = folder

    def __enter__(self):
        command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--engine", "pforge"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.kernel = os.pidfd_open(int((self.folder / "fifo").read_text()))
        return self.process, self.kernel

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.kernel)
