"""The magics in a real kernel: what a notebook, papermill and nbclient see."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

import pforge_lab as pf

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def lab(kernel, function_cell, pipeline_cell):
    """Return the function that executes cells in a kernel with a pipeline loaded."""
    for code in ("%load_ext pforge_lab", function_cell, pipeline_cell):
        assert not kernel(code).error
    return kernel


def test_a_run_shows_itself_as_html_and_text(lab):
    shown = lab("run = %pforge start -p n=4\nrun")
    assert "<table" in shown.result["text/html"]
    assert "ready" in shown.result["text/plain"]


def test_a_step_prints_in_its_cell(lab):
    lab("%pforge start")
    lab("def load(n):\n    print('loading', n)\n    return list(range(n))")
    shown = lab("%pforge step")
    assert "loading 3" in shown.out
    assert "done" in shown.result["text/plain"]


def test_records_and_variables_show_themselves(lab):
    lab("%pforge start")
    assert "<table" in lab("%pforge finish").result["text/html"]
    assert "twice" in lab("%pforge vars").result["text/html"]
    assert "image/png" in lab("%pforge memory").result
    assert "<table" in lab("%pforge runs").result["text/html"]
    assert "<table" in lab("%pforge diff 0 3").result["text/html"]


def test_an_error_is_one_line_for_whoever_reads_the_output(lab):
    lab("%pforge start")
    name, message, *shown = lab("%pforge goto nope").error
    assert name == "CommandError"
    assert message.startswith("PositionError: there is no step 'nope'")
    assert shown == [message]


def test_a_redefined_function_takes_effect(lab):
    lab("%pforge start -p n=4")
    lab("%pforge finish")
    lab("def twice(total): return 1000 + total")
    assert "Code changed" in lab("%pforge status").result["text/plain"]
    lab("%pforge back")
    lab("%pforge step")
    assert lab("%pforge show twice").result["text/plain"] == "1006"
    lab("def twice(total): return 2 * total")


def test_a_silenced_command_shows_nothing(lab):
    shown = lab("%pforge start;")
    assert (shown.out, shown.result) == ("", None)


def test_the_store_is_beside_the_notebook(lab):
    lab("%pforge start")
    assert (lab.folder / ".pforge" / "lab.fs").is_file()


def test_an_interrupt_ends_a_step_and_the_run_goes_on(lab):
    """The kernel is interrupted when the tool says, in its output, that it is inside."""
    lab(
        "import select\nwaiting = [1]\ndef total(numbers):\n    if waiting:\n        waiting.pop(); print('inside', flush=True); select.select([], [], [])\n    return sum(numbers)"
    )
    lab("run = %pforge start")

    def interrupt(message):
        if message["msg_type"] == "stream" and "inside" in message["content"]["text"]:
            lab.manager.interrupt_kernel()

    shown = []

    def look(message):
        interrupt(message)
        if message["msg_type"] == "error":
            shown.extend(message["content"]["traceback"])

    lab.client.execute_interactive("%pforge finish", output_hook=look, timeout=120)
    assert len(shown) == 1
    assert "was interrupted at position 1; go on with: %pforge resume" in shown[0]
    assert lab("print(run.status, run.position)").out.split() == ["interrupted", "1"]
    assert not lab("%pforge resume").error
    assert lab("print(run.status, run['total'])").out.split() == ["done", "3"]


def test_the_run_is_open_for_looking_from_another_process(lab):
    lab("run = %pforge start")
    lab("%pforge step")
    with pf.open_state(lab.folder / ".pforge" / "lab.fs", mode="r") as state:
        run = pf.open_run(state=state)
        assert (run.position, run.status) == (1, "paused")
        with pytest.raises(pf.RunBusy, match=r"lab\.ipynb"):
            run.step()


def test_a_failed_cell_leaves_its_message_in_the_notebook_and_in_papermill(
    tmp_path, function_cell, pipeline_cell
):
    """Papermill reports the message of the error, not an empty one, and keeps it in the output."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = ("%load_ext pforge_lab", function_cell, pipeline_cell, "%pforge start", "%pforge goto nope")
    notebook.cells = [nbformat.v4.new_code_cell(code) for code in cells]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "-k", "python3"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "PositionError: there is no step 'nope'; there are 'load', 'total', 'twice'" in done.stderr
    outputs = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    (error,) = [
        output for cell in outputs for output in cell.get("outputs", ()) if output.output_type == "error"
    ]
    assert error.evalue.startswith("PositionError: there is no step 'nope'")


def test_a_long_step_shows_progress_below_its_cell(lab):
    """One display that is replaced; what stays says what was done."""
    lab("import threading\nseen = threading.Event()")
    lab(
        "from pforge_lab.notebook import progress\n"
        "class Telling(progress.CellDisplay):\n"
        "    def show(self, line):\n        super().show(line); seen.set()\n"
        "from pforge_lab.cli.progress import Progress\n"
        "session = get_ipython().magics_manager.registry['PforgeMagics'].session\n"
        "session.progress = Progress(Telling(), delay=0.01, every=0.01)\n"
        "def load(n): seen.wait(60); return list(range(n))"
    )
    lab("%pforge start")
    messages = []
    lab.client.execute_interactive("%pforge step;", output_hook=messages.append, timeout=60)
    shown = [m for m in messages if m["msg_type"] in ("display_data", "update_display_data")]
    assert shown[0]["msg_type"] == "display_data"
    assert "step 1 of 3  load" in shown[0]["content"]["data"]["text/plain"]
    assert "paused: 1 step in" in shown[-1]["content"]["data"]["text/plain"]
    assert {m["parent_header"]["msg_id"] for m in shown} == {messages[0]["parent_header"]["msg_id"]}


def test_set_takes_an_expression_over_the_notebook_and_param_a_frame_of_it(lab):
    """``set limit=df.shape[0]`` and ``-p frame=$df``: the frame is handed over as it is."""
    lab("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})")
    lab("def rows(frame, limit): return frame.head(limit).a.sum()")
    lab(
        "%%pforge pipeline heads\nparams: { frame: any, limit: { type: integer, default: 1 } }\nsteps:\n"
        "  - { tool: rows, input: { frame: '{{ frame }}', limit: '{{ limit }}' }, output_var: rows }\n"
    )
    assert not lab("run = %pforge start -p frame=$df").error
    assert not lab("%pforge set limit=df.shape[0] - 1").error
    lab("%pforge finish")
    assert lab("print(run['limit'], run['rows'])").out.split() == ["2", "3"]


def test_commands_write_no_name_into_the_notebook_until_pull(lab):
    """Whatever a command does, the namespace of the kernel is as it was; ``pull`` is the one that writes."""
    names = "print(sorted(name for name in globals() if not name.startswith('_')))"
    lab("%pforge load_nothing")
    before = lab(names).out
    commands = (
        "start heads -p frame=$df",
        "step",
        "vars",
        "back",
        "finish",
        "diff 0 1",
        "status",
        "runs",
        "config",
    )
    for command in commands:
        assert not lab(f"%pforge {command}").error
    assert lab(names).out == before
    assert not lab("%pforge pull rows limit").error
    assert lab("print(rows, limit)").out.split() == ["1", "1"]


def test_unloading_and_loading_again_in_a_kernel(lab):
    """The magic is gone, and is there again with nothing remembered."""
    lab("%unload_ext pforge_lab")
    assert "not found" in lab("%pforge status").out + " ".join(lab("%pforge status").error)
    lab("%load_ext pforge_lab")
    assert "there is no current run" in lab("%pforge status").error[1]
