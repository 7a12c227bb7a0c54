"""A job that died at night is opened in a notebook in the morning: all is there; mended, it goes on."""

from __future__ import annotations

import contextlib
import os

import papermill
import pytest
from jupyter_client.manager import KernelManager
from nbclient.exceptions import DeadKernelError

import pforge_lab as pf
from tests.papermill_engine.conftest import read, shown, write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

MARK = "print({0}, file=open('marks', 'a'))\n"
CELLS = [
    "import pandas as pd\nframe = pd.DataFrame({'x': [1, 2, 3]})",
    "names = ['x']; shared = {'names': names}",
]
DIES = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
MENDED = "names.append('y'); frame['y'] = frame.x * 2"
LAST = "print(frame.y.sum(), shared['names'])"


def cells(*sources):
    return [MARK.format(place) + source for place, source in enumerate(sources, 1)]


def job(folder):
    """Return the id of the run, as the output tells it."""
    return read(folder / "out.ipynb").metadata.pforge.run


@pytest.fixture(scope="module")
def dead(tmp_path_factory):
    """Return the folder of a job whose kernel died in its third cell."""
    folder = tmp_path_factory.mktemp("night")
    write(folder / "in.ipynb", cells(*CELLS, DIES, LAST))
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PFORGE_KEY", str(folder / "key"))
        with pytest.raises(DeadKernelError):
            papermill.execute_notebook("in.ipynb", "out.ipynb", engine_name="pforge", progress_bar=False)
    (folder / "marks").unlink()
    return folder


@pytest.fixture(scope="module")
def notebook(dead):
    """Return a function that executes a cell in a kernel of its own and returns its text."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(dead), env={**os.environ, "PFORGE_KEY": str(dead / "key")})
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)

    def execute(code):
        texts = []

        def hook(message):
            content = message["content"]
            if message["msg_type"] == "error":
                texts.append(f"ERROR {content['evalue']}")
            elif message["msg_type"] == "stream":
                texts.append(content["text"])
            elif message["msg_type"] in ("execute_result", "display_data"):
                texts.append(content["data"]["text/plain"])

        client.execute_interactive(code, output_hook=hook, timeout=120)
        return "".join(texts)

    execute.end = manager.shutdown_kernel
    execute("%load_ext pforge_lab")
    opened = execute("%pforge open out.ipynb.pforge/run.fs")
    assert "ERROR" not in opened, opened
    yield execute
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_shell_shows_a_variable_of_the_dead_job(dead, command):
    found = command(
        "--state", str(dead / "out.ipynb.pforge" / "run.fs"), "show", "names", PFORGE_KEY=str(dead / "key")
    )
    assert (found.returncode, found.stdout.split()[-1]) == (0, "'x'")


@pytest.mark.parametrize(
    "words", [["resume"], ["step"], ["finish"], ["finish", "--retry-failed"]], ids=" ".join
)
def test_its_cells_are_not_executed_without_their_notebook(dead, command, words):
    """Nothing of it is recorded: what the job failed with stays, and so does what it goes on from."""
    store = dead / "out.ipynb.pforge" / "run.fs"
    refused = command("--state", str(store), *words, PFORGE_KEY=str(dead / "key"))
    way = f"go on with: pforge-lab notebook {dead / 'in.ipynb'} {dead / 'out.ipynb'} --resume {job(dead)}\n"
    assert refused.stderr.endswith(way)
    with pf.open_state(store, mode="r") as state:
        run = pf.open_run(state=state)
        assert run.attempt.error.startswith("DeadKernelError")
        assert run.timeline.is_kept()


def test_attach_has_all_variables_as_they_were_at_the_last_good_cell(notebook, dead):
    assert "cell 2" in notebook(f"%pforge attach {job(dead)}")
    notebook("%pforge pull")
    assert notebook("print(frame.x.tolist(), shared['names'] is names)") == "[1, 2, 3] True\n"
    assert "DeadKernelError" in notebook(f"job = %pforge attach {job(dead)}\njob.attempt.error")


def test_a_fork_tries_another_mend_and_leaves_the_job_as_it_is(notebook, dead):
    notebook(f"job = %pforge attach {job(dead)}")
    notebook("%pforge record on")
    notebook("other = %pforge fork --at 'cell 2'")
    notebook("frame = frame[:1]")
    notebook("%pforge record off")
    assert (
        notebook("print(job.position, len(job['frame']), other.position, len(other['frame']))") == "2 3 3 1\n"
    )


def test_mended_in_the_notebook_the_job_goes_on_where_the_notebook_ended(notebook, dead, monkeypatch):
    """No cell is executed twice: neither those of the night nor the one that was mended."""
    run = job(dead)
    notebook(f"%pforge attach {run}")
    notebook("%pforge pull")
    notebook("%pforge record on")
    assert notebook(cells(*CELLS, MENDED)[2]) == ""
    notebook("%pforge record off")
    notebook.end()
    monkeypatch.chdir(dead)
    monkeypatch.setenv("PFORGE_KEY", str(dead / "key"))
    write(dead / "in.ipynb", cells(*CELLS, MENDED, LAST))
    done = papermill.execute_notebook(
        "in.ipynb", "out.ipynb", engine_name="pforge", progress_bar=False, pforge_resume=run
    )
    assert (dead / "marks").read_text().split() == ["3", "4"]
    assert shown(done)[3][1][0].text == "12 ['x', 'y']\n"
