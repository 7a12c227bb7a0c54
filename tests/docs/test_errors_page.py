"""The page of errors knows them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pforge_lab import errors
from pforge_lab.notebook.magics import CommandError
from pforge_lab.papermill_engine import RecordingFailed
from pforge_lab.runs.undeclared import UndeclaredChange
from pforge_lab.state import StateRecovered

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


SECTIONS = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
BESIDE = {  # where they are raised
    kind.__name__ for kind in (CommandError, RecordingFailed, StateRecovered, UndeclaredChange)
}


def test_every_error_has_its_place_on_the_page():
    """Each class is in a heading, warnings and errors of single doors, too."""
    headings = {name.strip() for section in SECTIONS for name in section.partition("\n")[0].split(",")}
    classes = {
        name
        for name in errors.__all__
        if isinstance(getattr(errors, name), type) and issubclass(getattr(errors, name), Exception)
    }
    assert headings == classes | BESIDE


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_every_section_has_a_cause_and_a_cure(section):
    """In this order, and the cure says something."""
    cause, mark, cure = re.sub(r"```.*?```", "", section.partition("\n")[2], flags=re.DOTALL).partition(
        "**Cure**: "
    )
    assert len(cause.split()) > 5
    assert mark
    assert len(cure.split()) > 3


def test_errors_call_themselves_by_their_public_name():
    """Tracebacks name where an error is imported from."""
    assert {getattr(errors, name).__module__ for name in errors.__all__} == {"pforge_lab.errors"}
