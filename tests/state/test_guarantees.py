"""The table of guarantees names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_that_the_table_names_exists():
    named = set(re.findall(r"`(test_\w+)`", (HERE / "GUARANTEES.md").read_text(encoding="utf-8")))
    written = {
        name
        for file in HERE.glob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 15
    assert named <= written
