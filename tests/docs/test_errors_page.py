"""The page of errors knows them all."""

from __future__ import annotations

from pathlib import Path

from pforge_lab import errors

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def test_every_error_has_its_place_on_the_page():
    """Cause and cure of each class stand under a heading with its name."""
    headings = {
        name.strip()
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
        for name in line[3:].split(",")
    }
    classes = {
        name
        for name in errors.__all__
        if isinstance(getattr(errors, name), type) and issubclass(getattr(errors, name), Exception)
    }
    assert classes - headings == set()


def test_errors_call_themselves_by_their_public_name():
    """Tracebacks name where an error is imported from."""
    assert {getattr(errors, name).__module__ for name in errors.__all__} == {"pforge_lab.errors"}
