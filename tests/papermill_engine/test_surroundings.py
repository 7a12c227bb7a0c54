"""A job that goes on finds its modules, its folder and its environment as its cells had made them."""

from __future__ import annotations

import contextlib

import papermill
import pytest

import pforge_lab as pf
from tests.papermill_engine.conftest import write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

FIRST = """
import os, sys
sys.path.insert(0, "lib")
os.chdir("data")
sys.path.append("../more")
os.environ["COLOUR"] = "green"
os.environ["API_TOKEN"] = "".join(["s3", "cret"])
os.environ.pop("UNWANTED")
import near
box = near.Box()
"""
SHOWS = "import far\nprint(type(box) is near.Box, open('here.txt').read(), os.environ['COLOUR'], 'UNWANTED' in os.environ, far.x)"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Return the folder of a job that changed all that is around it, then failed; what is refused leaves it so."""
    folder = tmp_path_factory.mktemp("job")
    for name in ("data/lib", "more"):
        (folder / name).mkdir(parents=True)
    (folder / "data/lib/near.py").write_text("class Box: pass")
    (folder / "more/far.py").write_text("x = 4")
    (folder / "data/here.txt").write_text("found")
    write(folder / "in.ipynb", [FIRST, "1 / 0"])
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PFORGE_KEY", str(folder / "key"))
        patch.setenv("UNWANTED", "1")
        with pytest.raises(papermill.PapermillExecutionError):
            papermill.execute_notebook("in.ipynb", "out.ipynb", engine_name="pforge", progress_bar=False)
    return folder


@pytest.fixture
def go_on(job, monkeypatch):
    """Return a function that goes on with the job, with another second cell."""
    monkeypatch.chdir(job)
    monkeypatch.setenv("PFORGE_KEY", str(job / "key"))
    monkeypatch.setenv("UNWANTED", "1")

    def resume(cell):
        write(job / "in.ipynb", [FIRST, cell])
        return papermill.execute_notebook(
            "in.ipynb", "out.ipynb", engine_name="pforge", progress_bar=False, pforge_resume="1"
        )

    return resume


def test_the_dead_job_is_looked_at_from_anywhere(job, command, monkeypatch):
    monkeypatch.setenv("PFORGE_KEY", str(job / "key"))
    found = command("--state", str(job / "out.ipynb.pforge" / "run.fs"), "show", "box")
    assert (found.returncode, "near.Box" in found.stdout) == (0, True), found.stderr


def test_somebody_elses_job_has_no_say_in_where_modules_are_looked_for(job, go_on, monkeypatch):
    monkeypatch.setenv("PFORGE_KEY", str(job / "other"))
    with pytest.raises(pf.PforgeError, match="nothing was executed: UntrustedData"):
        go_on("1")


def test_a_working_folder_that_is_gone_stops_the_job_before_anything_runs(job, go_on):
    (job / "data").rename(job / "elsewhere")
    with pytest.raises(pf.PforgeError, match=r"nothing was executed: .*/data, cannot be gone to"):
        go_on("1")
    (job / "elsewhere").rename(job / "data")


def test_what_may_be_secret_is_not_written_and_asked_for_before_anything_runs(job, go_on):
    kept = b"".join(path.read_bytes() for path in (job / "out.ipynb.pforge").rglob("*") if path.is_file())
    assert (b'"COLOUR":"green"' in kept, b"s3cret" in kept) == (True, False)
    with pytest.raises(pf.NotKept, match="API_TOKEN .an environment variable, which may be a secret: set it"):
        go_on("print(os.environ['API_TOKEN'])")


def test_modules_folder_and_environment_are_as_the_cells_had_made_them(go_on):
    assert go_on(SHOWS).cells[1].outputs[0].text == "True found green False 4\n"
