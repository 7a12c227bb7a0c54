"""`pforge-lab sweep`: every combination, an exit code, and again only what is missing."""

from __future__ import annotations

import json

import pytest

from tests.papermill_engine.conftest import write


def test_every_combination_is_executed_and_shown(pforge):
    said = pforge(
        "sweep", "sums.yaml", "-p", "n=3,4", "-p", "limit=100,5", "--output", "total", "--workers", "2"
    )
    assert said.code == 1  # 0 + 1 + 2 + 3 is more than 5
    assert "1 of 4 runs are not done" in said.err
    assert [line.split()[3] for line in said.out.splitlines()[1:]] == ["done", "done", "done", "failed"]


def test_sets_come_from_a_file_and_the_table_as_json(pforge, folder):
    (folder / "sets.json").write_text('[{"n": 3}, {"n": 5}]', encoding="utf-8")
    said = pforge(
        "sweep", "sums.yaml", "--sets", "sets.json", "--output", "total", "--workers", "1", "--json"
    )
    assert (said.code, [row["total"] for row in json.loads(said.out)]) == (0, [3, 10])


def test_a_value_of_the_wrong_type_is_told_with_the_codes_of_parameters(pforge):
    said = pforge("sweep", "sums.yaml", "-p", "n=3,x")
    assert said.code == 3
    assert "n" in said.err
    assert "Traceback" not in said.err


@pytest.mark.kernel
@pytest.mark.filterwarnings("default")
def test_a_notebook_is_swept_too_and_its_values_are_read_by_the_types_it_declares(pforge, folder):
    cells = ["month: int = 1\ncode: str = ''", "print(month, repr(code))"]
    write(folder / "night.ipynb", cells, tags={1: ["parameters"]})
    said = pforge("sweep", "night.ipynb", "-p", "month=1", "-p", "code=007", "--workers", "1", "--json")
    assert said.code == 0, said.err
    (row,) = json.loads(said.out)
    assert (row["month"], row["code"], row["status"]) == (1, "007", "done")
    assert row["notebook"] == str(folder / "night-sweep" / "night-month=1,code=007.ipynb")
    wrong = pforge("sweep", "night.ipynb", "-p", "month=1,x")
    assert (wrong.code, "the notebook asks for int" in wrong.err) == (3, True)
