"""The README's table beside others says what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.benchmarks import history

ROOT = Path(__file__).parents[2]
MEASURED = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
# How the scripts call what the README names
LABELS = {
    "dask": "dask, sizeof",
    "diskcache": "diskcache FULL",
    "full": "full dump",
    "pandas": "pandas, memory_usage",
    "papermill": "stock papermill",
    "psutil": "psutil before/after",
    "sampling": "sampling 10 ms",
}


def rows():
    """Return the rows of the table: beside whom, there, here, made by."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Beside what people use today")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| what ")]
    return [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in lines]


def section(script):
    """Return the lines that a script has printed."""
    return MEASURED.partition(f"## {script.capitalize()}\n")[2].partition("\n## ")[0].splitlines()


def figures(lines):
    """Return all numbers of some lines."""
    return set(re.findall(r"\d[\d.,]*\d|\d", "\n".join(lines)))


@pytest.mark.parametrize(("beside", "there", "here", "script"), rows(), ids=lambda cell: cell[:20])
def test_each_row_has_the_figures_of_its_script(beside, there, here, script):
    """Those of others stand on lines with their name, ours in the same part of the page."""
    lines = section(script.strip("`"))
    peer = LABELS.get(beside.split()[0], beside.split()[0])
    theirs = [line for line in lines if peer in line]
    assert theirs
    for text, measured in ((there, theirs), (here, lines)):
        assert set(re.findall(r"\*\*(.*?)\*\*", text)) <= figures(measured)


def test_versions_are_those_that_were_measured():
    named = {match for row in rows() for match in re.findall(r"(\w+) (\d+\.[\d.]+\d)", row[0])}
    measured = MEASURED.lower().replace("apache-", "")
    assert len(named) > 8
    assert {pair for pair in named if " ".join(pair).lower() not in measured} == set()


def test_ours_are_right_wherever_it_is_asked(capsys, monkeypatch):
    """The history of a frame, the bytes of frames that share columns, a stranger's file."""
    monkeypatch.setenv("PFORGE_KEY", "")  # put back afterwards
    history.main()
    ours = [line for line in capsys.readouterr().out.splitlines() if line.startswith("pforge_lab")]
    assert [line.rsplit(maxsplit=1)[1] for line in ours] == ["right"] * 5
