"""A job that died at night is opened in a notebook in the morning: all is there; mended, it goes on."""

from __future__ import annotations

import pytest
from jupyter_client.manager import KernelManager
from nbclient.exceptions import DeadKernelError

from tests.papermill_engine.conftest import shown, write

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


@pytest.fixture
def dead(folder, pforge):
    """Stand in the folder of a job whose kernel died in its third cell."""
    write(folder / "in.ipynb", cells(*CELLS, DIES, LAST))
    with pytest.raises(DeadKernelError):
        pforge()
    (folder / "marks").unlink()
    return folder


@pytest.fixture
def notebook(dead):
    """Return a function that executes a cell in a kernel of its own and returns its text."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(dead))
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
    execute("%pforge open out.ipynb.pforge/run.fs")
    yield execute
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_shell_shows_a_variable_of_the_dead_job(dead, shell):
    found = shell("--state", "out.ipynb.pforge/run.fs", "show", "names")
    assert (found.returncode, found.stdout.split()[-1]) == (0, "'x'")


def test_attach_has_all_variables_as_they_were_at_the_last_good_cell(notebook):
    assert "cell 2" in notebook("%pforge attach")
    notebook("%pforge pull")
    assert notebook("print(frame.x.tolist(), shared['names'] is names)") == "[1, 2, 3] True\n"
    assert "DeadKernelError" in notebook("run = %pforge attach\nrun.attempt.error")


def test_mended_in_the_notebook_the_job_goes_on_where_the_notebook_ended(notebook, pforge, dead):
    """No cell is executed twice: neither those of the night nor the one that was mended."""
    notebook("%pforge attach")
    notebook("%pforge record on")
    assert notebook(cells(*CELLS, MENDED)[2]) == ""
    notebook("%pforge record off")
    notebook.end()
    write(dead / "in.ipynb", cells(*CELLS, MENDED, LAST))
    done = pforge(pforge_resume="1")
    assert (dead / "marks").read_text().split() == ["3", "4"]
    assert shown(done)[3][1][0].text == "12 ['x', 'y']\n"


def test_a_fork_tries_another_mend_and_leaves_the_job_as_it_is(notebook):
    notebook("job = %pforge attach")
    notebook("%pforge record on")
    notebook("other = %pforge fork --at 'cell 2'")
    notebook("frame = frame[:1]")
    assert notebook("print(job.position, len(job['frame']), other.position, len(other['frame']), other.id != job.id)") == (
        "2 3 3 1 True\n"
    )  # fmt: skip
