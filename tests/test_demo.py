"""The demo: what it copies, what it refuses, and what it leaves behind."""

from __future__ import annotations

import re
import sys
from urllib.parse import urlsplit

import nbformat
import pytest

from pforge_lab import demo as demo_module
from pforge_lab.demo import NOTEBOOK, copy_notebooks, demo
from pforge_lab.errors import RunError, UsageError


def cells(*sources):
    """Return a notebook of code cells, the first one tagged as its parameters."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    return notebook


@pytest.fixture
def edited(tmp_path):
    """Return a function that puts a notebook of the user's into a demo folder."""

    def edit(*sources):
        folder = tmp_path / "mine"
        folder.mkdir()
        nbformat.write(cells(*sources), folder / NOTEBOOK)
        return folder

    return edit


@pytest.fixture
def _jupyter_home(tmp_path, monkeypatch):
    """Keep Jupyter and IPython out of the user's directories."""
    for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))


def test_the_notebooks_come_with_their_tools_and_pipelines(tmp_path):
    """A copied folder is complete: the main notebook, its pipeline and its functions."""
    assert copy_notebooks(tmp_path / "new" / "folder") == []
    names = {file.name for file in (tmp_path / "new" / "folder").iterdir()}
    assert {NOTEBOOK, "flights.yaml", "flights_tools.py"} <= names


def test_what_the_user_changed_is_kept_and_named(tmp_path):
    """Copying again leaves an edited file alone."""
    copy_notebooks(tmp_path)
    (tmp_path / "flights.yaml").write_text("mine", encoding="utf-8")
    assert copy_notebooks(tmp_path) == ["flights.yaml"]
    assert (tmp_path / "flights.yaml").read_text(encoding="utf-8") == "mine"


def test_reset_restores_what_was_shipped(tmp_path):
    """With reset an edited file is overwritten, and nothing is left to name."""
    copy_notebooks(tmp_path)
    shipped = (tmp_path / "flights.yaml").read_bytes()
    (tmp_path / "flights.yaml").write_text("mine", encoding="utf-8")
    assert copy_notebooks(tmp_path, reset=True) == []
    assert (tmp_path / "flights.yaml").read_bytes() == shipped


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    """The message names the folder and the next move."""
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cannot copy the notebooks to .*taken.*; name another folder"):
        demo(tmp_path / "taken")


@pytest.mark.parametrize("month", [-1, 13, "February"])
def test_a_month_that_is_none_is_refused_before_anything_is_written(tmp_path, month):
    """A wrong month leaves no folder behind."""
    with pytest.raises(UsageError, match="it is 1 to 12, or 0 for the whole year"):
        demo(tmp_path / "new", month=month)
    assert not (tmp_path / "new").exists()


def test_a_missing_extra_is_named_before_anything_is_written(tmp_path, monkeypatch):
    """Without the packages of the extra, one line says what to install."""
    monkeypatch.setattr(demo_module, "EXTRA", ("nbconvert", "flights_of_nowhere"))
    with pytest.raises(UsageError, match=r"needs flights_of_nowhere; .*pip install 'pforge_lab\[demo\]'"):
        demo(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.kernel
@pytest.mark.usefixtures("_jupyter_home")
def test_a_cell_that_fails_is_named_with_the_way_out(edited):
    """One line: the cell, its error, where to mend it and how to restore it."""
    folder = edited("month = 0", "1 / 0")
    with pytest.raises(RunError, match=r"raised ZeroDivisionError: division by zero; mend it in .*--reset"):
        demo(folder, echo=lambda line: None)
    assert (folder / "results" / NOTEBOOK).exists()


def test_a_notebook_that_is_none_is_named_with_the_way_out(tmp_path):
    """A file that is not JSON is an error of one line, and it is kept."""
    (tmp_path / NOTEBOOK).write_text("<<<<<<< mine", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"is not a notebook: .*; restore what was shipped with --reset"
    ) as caught:
        demo(tmp_path, echo=lambda line: None)
    assert "\n" not in str(caught.value)
    assert (tmp_path / NOTEBOOK).read_text(encoding="utf-8") == "<<<<<<< mine"


@pytest.mark.kernel
@pytest.mark.usefixtures("_jupyter_home")
def test_a_kernel_that_dies_is_told(edited):
    """A kernel that is killed is an error of one line."""
    folder = edited("month = 0", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(RunError, match="the kernel died while running"):
        demo(folder, echo=lambda line: None)


@pytest.mark.kernel
@pytest.mark.usefixtures("_jupyter_home")
def test_the_kernel_is_this_python(edited, tmp_path):
    """A kernel that is installed under the same name, with another Python, is passed over."""
    spec = tmp_path / "jupyter_data_dir" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(
        '{"argv": ["/bin/false"], "display_name": "another", "language": "python"}', encoding="utf-8"
    )
    folder = edited(
        "month = 0", f"import sys; assert sys.executable == {sys.executable!r}; assert month == 2"
    )
    with pytest.raises(RunError, match=r"leaves no run named 'run' to show; mend .*--reset"):
        demo(folder, month=2, echo=lambda line: None)


@pytest.fixture(scope="module")
def february(tmp_path_factory):
    """Run the demo on one month; return its result and what it printed."""
    home = tmp_path_factory.mktemp("jupyter")
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(variable, str(home / variable.lower()))
        patch.setenv("PFORGE_KEY", str(home / "key"))
        result = demo(tmp_path_factory.mktemp("demo") / "folder", month=2, echo=lines.append)
    return result, "\n".join(lines)


@pytest.mark.kernel
def test_the_report_says_where_everything_is(february):
    """The folder, the executed notebook, the page and the plot are printed, and they exist."""
    result, printed = february
    for path in (result.folder, result.notebook, result.html, result.plot):
        assert path.exists()
        assert str(path) in printed


@pytest.mark.kernel
def test_the_report_has_the_table_of_steps(february):
    """Each step of the pipeline has its line."""
    _, printed = february
    for label in ("load", "clean", "join_weather", "join_planes", "delays", "fit", "rank", "report", "save"):
        assert re.search(rf"\b{label}\b", printed)


@pytest.mark.kernel
def test_the_memory_of_both_processes_is_told(february):
    """Peaks are in bytes in the result and in MB in the report."""
    result, printed = february
    assert 100e6 < result.kernel_peak < 1e9
    assert f"{result.kernel_peak / 1e6:.0f} MB in the kernel" in printed
    assert f"{result.own_peak / 1e6:.0f} MB here" in printed


@pytest.mark.kernel
def test_the_page_asks_no_other_host_for_anything(february):
    """Neither script, nor style, nor image, nor frame comes from elsewhere."""
    result, _ = february
    page = result.html.read_text(encoding="utf-8")
    loads = re.findall(
        r"""(?:src|href)\s*=\s*["']([^"']*)["']|url\(\s*["']?([^"')]*)|@import\s+["']([^"']*)""", page
    )
    addresses = [urlsplit(address) for match in loads for address in match if address]
    assert {address.scheme for address in addresses} <= {"data", ""}
    assert {address.netloc for address in addresses} <= {""}


@pytest.mark.kernel
def test_the_plot_is_a_picture(february):
    """The memory plot is a PNG."""
    result, _ = february
    assert result.plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.kernel
def test_the_executed_notebook_has_the_parameter_and_no_error(february):
    """Papermill put the month in, and every code cell ran."""
    result, _ = february
    notebook = nbformat.read(result.notebook, as_version=4)
    assert notebook.metadata.papermill.parameters == {"month": 2}
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
