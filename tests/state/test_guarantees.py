"""Each cell of the table of guarantees names a test that exists, and that runs on the store of its column."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLES = (HERE / "GUARANTEES.md").read_text(encoding="utf-8").split("What else differs")
STORES = ["memory", "zodb", "sqlite", "zeo", "postgresql", "redis"]
SHARED = "shared_backend"  # the fixture that runs a test on those that several processes write to


def where():
    """Return the stores that each test runs on, by the name of the test; one that names none is written for the one it is about."""
    found = {}
    for file in HERE.glob("test_*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                shared = SHARED in {argument.arg for argument in node.args.args}
                found[node.name] = STORES[2:] if shared else STORES
    return found


def cells(table):
    """Yield each cell of a table as row, store and text."""
    for line in table.splitlines():
        row, *texts = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| **"):
            yield from ((row.split("**")[1], *pair) for pair in zip(STORES, texts, strict=True))


@pytest.mark.parametrize(("row", "store", "text"), list(cells(TABLES[0])))
def test_each_cell_names_a_test_that_runs_on_its_store(row, store, text):
    named = re.findall(r"`(test_\w+)`", text)
    assert any(store in where().get(name, ()) for name in named), f"{row}, {store}: {named}"


@pytest.mark.parametrize(("row", "store", "text"), list(cells(TABLES[1])))
def test_what_else_differs_names_its_test_or_says_that_there_is_none(row, store, text):
    named = re.findall(r"`(test_\w+)`", text)
    tested = any(store in where().get(name, ()) for name in named)
    assert tested or "not tested" in text or text in ("\N{EN DASH}", "the server's business"), (
        f"{row}, {store}"
    )


def test_every_test_that_the_tables_name_exists():
    named = set(re.findall(r"`(test_\w+)`", "".join(TABLES)))
    assert named <= where().keys()
