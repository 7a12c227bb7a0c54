"""The frame of a sweep has values as they are, also beside sets that failed or leave something out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import pforge_lab as pf
from pforge_lab.papermill_engine.parameters import defaults
from pforge_lab.sweeps.table import Member, sweep_frame
from tests.papermill_engine.conftest import read, write


def swept(grid, *functions, **options):
    """Return the frame of a sweep in this process."""
    pipeline = pf.Pipeline.from_functions("swept", *functions)
    with ThreadPoolExecutor(1) as pool, pf.open_state("memory:swept-frame") as state:
        return pf.sweep(pipeline, grid, state=state, executor=pool, progress=False, **options)


def test_whole_numbers_stay_whole_beside_a_set_that_failed():
    def big(n: int):
        return 2**60 + 1 if n else 1 / 0

    frame = swept({"n": [0, 1]}, big, outputs=["big"])
    assert frame.status.to_list() == ["failed", "done"]
    assert frame.big[1] == 2**60 + 1
    assert frame.big.isna().to_list() == [True, False]


@pytest.mark.parametrize(
    "values",
    [[None, 2**70], [True, None], ["a", None], [1, "a"], [2**60 + 1, 0.5, None], [[1], None]],
    ids=str,
)
def test_values_beside_one_that_lacks_are_what_they_were(values):
    frame = sweep_frame([Member({}, "done", outputs={"value": value}) for value in values], ["value"])
    found = frame.value.to_list()
    assert [(type(got), got) for got, was in zip(found, values, strict=True) if was is not None] == [
        (type(was), was) for was in values if was is not None
    ]


def test_numbers_without_loss_are_columns_of_numbers():
    rows = [Member({"n": n, "rate": rate}, "done") for n, rate in ((1, 1), (2, 0.5))]
    assert [kind.name for kind in sweep_frame(rows).dtypes[:2]] == ["int64", "float64"]


def test_a_parameter_that_a_set_leaves_out_has_its_default():
    def add(n: int, more: int = 7):
        return n + more

    frame = swept([{"n": 1}, {"n": 1, "more": 2}], add, outputs=["add"])
    assert frame[["n", "more", "add"]].to_numpy().tolist() == [[1, 7, 8], [1, 2, 3]]
    assert frame.more.dtype == "int64"


def test_defaults_of_a_notebook_are_those_of_its_cell(tmp_path):
    """Literals; what is computed there is not known without executing it."""
    sources = ["month: int = 1\nnames = ['a']\nhere = open('x')"]
    write(tmp_path / "night.ipynb", sources, tags={1: ["parameters"]})
    assert defaults(read(tmp_path / "night.ipynb")) == {"month": 1, "names": ["a"]}
