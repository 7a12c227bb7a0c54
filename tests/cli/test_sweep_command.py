"""`pforge-lab sweep`: every combination, an exit code, and again only what is missing."""

from __future__ import annotations

import json


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
