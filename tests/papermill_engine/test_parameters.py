"""Parameters are checked by the types that a notebook declares, before its kernel starts."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

import pforge_lab as pf
from pforge_lab.papermill_engine.parameters import declared, type_faults
from tests.papermill_engine.conftest import write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]


def test_the_engine_refuses_them_all_at_once_and_starts_no_kernel(folder, pforge):
    write(
        folder / "in.ipynb",
        ["month: int = 1\nby = 'x'  # type: str", "open('ran', 'w')"],
        tags={1: ["parameters"]},
    )
    with pytest.raises(pf.ParamError, match=r"(?s)month: it is 'two'.*by: it is 3"):
        pforge({"month": "two", "by": 3})
    assert not (folder / "ran").exists()
    assert not (folder / "out.ipynb.pforge").exists()


def test_the_command_reads_by_declared_type_and_exits_as_for_parameters(folder, command):
    write(folder / "in.ipynb", ["code: str = ''\nn: int = 0"], tags={1: ["parameters"]})
    wrong = command("notebook", "in.ipynb", "out.ipynb", "-p", "code=007", "-p", "n=x", "-p", "m=1")
    assert (wrong.returncode, wrong.stderr.count("code:")) == (3, 0)
    assert "m: the notebook has no such parameter" in wrong.stderr
    assert "n: it is 'x', and the notebook asks for int" in wrong.stderr


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("int", [1, None], ["1", True, 1.5]),
        ("float", [1, 1.5], ["1", True]),
        ("bool", [True], [1]),
        ("List[int]", [[1], (1,)], ["[1]"]),
        ("dict", [{}], [[]]),
        ("pd.Timestamp", ["2013-01-01"], []),
        ("None", [object()], []),
    ],
)
def test_values_fit_the_types_that_python_would_take_them_for(kind, right, wrong):
    assert [len(type_faults({"x": kind}, {"x": value})) for value in right] == [0] * len(right)
    assert [len(type_faults({"x": kind}, {"x": value})) for value in wrong] == [1] * len(wrong)


def test_a_notebook_without_a_cell_for_them_declares_nothing():
    assert declared(nbformat.v4.new_notebook()) is None


@pytest.mark.parametrize(
    "first", ["papermill", "pforge_lab.papermill_engine.parameters", "pforge_lab.sweeps.notebooks"]
)
def test_the_engine_is_there_whichever_is_imported_first(first):
    code = f"import {first}; from papermill.engines import papermill_engines as e; print(e.get_engine('pforge').__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "PforgeEngine\n", done.stderr
