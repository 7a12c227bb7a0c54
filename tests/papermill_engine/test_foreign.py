"""Notebooks that nobody here wrote behave under the engine as under stock papermill: those that papermill ships."""

from __future__ import annotations

import os
import re
from pathlib import Path

import papermill
import pytest

from pforge_lab.papermill_engine.report import is_report
from tests.papermill_engine.conftest import read, shown, write
from tests.papermill_engine.outputs import joined

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

SHIPPED = Path(papermill.__file__).parent / "tests" / "notebooks"
FEW = ("simple_execute", "broken1", "sysexit0", "line_magic_error")
MORE = (
    *("broken2", "complex_parameters", "keyboard_interrupt", "nb_version_4.4", "no_parameters", "read_check"),
    *("report_mode_test", "sysexit", "sysexit1", "systemexit", "test_autosave", "test_logging", "binder"),
    *("result_no_exec", "test_notebooknode_io"),
)
NAMES = (*FEW, *MORE) if os.environ.get("PFORGE_TEST_FULL") else FEW


def outcome(name, engine, parameters=None, **options):
    """Return what an execution of a shipped notebook raised, and the cells that it left."""
    raised = None
    try:
        papermill.execute_notebook(
            str(SHIPPED / f"{name}.ipynb"), f"{engine}.ipynb", parameters, engine_name=engine,
            kernel_name="python3", progress_bar=False, **options,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
        raised = type(error).__name__, re.sub(r"0x[0-9a-f]+|<ipython-[^>]*>", "", str(error))
    return raised, [cell_of(cell) for cell in read(f"{engine}.ipynb").cells if not is_report(cell)]


def cell_of(cell):
    """Return what of a cell must be equal: all but times and what the engine adds."""
    papermill_says = cell.metadata.get("papermill", {})
    outputs = joined(cell.get("outputs", ()))
    text = str((cell.source, cell.get("execution_count"), outputs))
    status = papermill_says.get("status"), papermill_says.get("exception"), cell.metadata.get("tags")
    return re.sub(r"0x[0-9a-f]+", "", text), status


@pytest.mark.parametrize("name", NAMES)
def test_outputs_errors_and_metadata_are_those_of_stock_papermill(folder, name):
    assert outcome(name, "pforge") == outcome(name, "nbclient")


def test_libraries_that_look_where_they_are_when_imported_are_in_a_notebook(folder, pforge):
    """The recorder imports pandas before the notebook does: wide frames are shown as ever."""
    wide = "import pandas as pd\nprint(pd.DataFrame({f'column {i}' * 3: [i] for i in range(12)}))\npd.options.display.max_columns"
    write(folder / "in.ipynb", [wide, "_, len([name for name in dir() if name[0] != '_'])"])
    plain = papermill.execute_notebook("in.ipynb", "plain.ipynb", progress_bar=False)
    assert shown(pforge()) == shown(plain)


def test_the_garbage_collector_sees_variables_and_what_refers_to_them(folder, pforge):
    """The recorder keeps it from what was there before the first cell."""
    refers = "import gc\nx = [1]\nprint(sum(one is globals() for one in gc.get_referrers(x)), gc.isenabled())"
    ring = "class Told:\n    def __del__(self): print('gone')\ntold = Told()\ntold.own = told\ndel told\ngc.collect() > 0"
    write(folder / "in.ipynb", [refers, ring])
    plain = papermill.execute_notebook("in.ipynb", "plain.ipynb", progress_bar=False)
    assert shown(pforge()) == shown(plain)


def test_report_mode_and_parameters_are_those_of_stock_papermill(folder):
    given = {"msg": "hello"}
    assert outcome("report_mode_test", "pforge", {"a": 1}, report_mode=True) == outcome(
        "report_mode_test", "nbclient", {"a": 1}, report_mode=True
    )
    assert outcome("simple_execute", "pforge", given) == outcome("simple_execute", "nbclient", given)


def test_prepare_only_executes_and_records_nothing(folder, pforge):
    write(folder / "in.ipynb", ["month = 1", "1 / 0"], tags={1: ["parameters"]})
    prepared = pforge({"month": 2}, prepare_only=True)
    assert [cell.source for cell in prepared.cells][1].endswith("month = 2\n")
    assert not (folder / "out.ipynb.pforge").exists()


def test_too_little_time_ends_the_cell_as_in_stock_papermill_and_the_run_can_be_resumed(
    folder, pforge, run_of
):
    """The recorder itself has all the time it needs."""
    write(folder / "in.ipynb", ["x = 1", "import threading; threading.Event().wait()"])
    with pytest.raises(Exception, match="timed out") as ours:
        pforge(execution_timeout=3)
    run = run_of()
    assert type(ours.value).__name__ == "CellTimeoutError"
    assert (run.status, run.position, run["x"]) == ("failed", 1, 1)


def test_logs_have_what_cells_print(folder, pforge, caplog):
    caplog.set_level("INFO", logger="papermill")
    write(folder / "in.ipynb", ["import sys\nprint('to stdout'); print('to stderr', file=sys.stderr)"])
    with Path("stdout.txt").open("w") as stdout:
        pforge(log_output=True, stdout_file=stdout)
    assert Path("stdout.txt").read_text() == "to stdout\n"
    assert {"to stdout\n", "to stderr\n"} <= {record.getMessage() for record in caplog.records}
    assert any(record.getMessage().startswith("Executing Cell 1") for record in caplog.records)
