"""The documentation builds without a warning, and its pages ask no other host for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=["'](?:https?:)?//[^"']*["'][^>]*>"""
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the folder of the built pages; notebooks are shown as they stand."""
    target = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html",
         "-D", "nb_execution_mode=off", "-d", target / "doctrees", ROOT / "docs", target / "html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target / "html"


def test_no_page_asks_another_host_for_anything(pages):
    asked = {
        (str(page.relative_to(pages)), tag)
        for page in pages.rglob("*.html")
        for tag in LOADED.findall(page.read_text(encoding="utf-8"))
        if 'rel="canonical"' not in tag
    }
    assert asked == set()


def test_every_command_and_field_has_its_place(pages):
    commands = (pages / "reference" / "commands.html").read_text(encoding="utf-8")
    fields = (pages / "reference" / "yaml.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in commands for name in ("step", "back", "state-serve"))
    assert all(name in fields for name in ("output_var", "error_policy", "stream_to"))


def test_every_field_of_a_file_is_told_of(pages):
    """By whoever defines it, beside its type: none has an empty cell in the reference."""
    page = (ROOT / "docs" / "reference" / "yaml.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .*?\| *(.*?) *\|$", page, re.MULTILINE)
    assert len(rows) > 80
    assert [name for name, kind, told in rows if not kind or not told] == []
    types = {(name, kind) for name, kind, _ in rows}
    assert types >= {
        ("timeout_ms", "number, above 0"),
        ("method", "one of `GET`, `POST`, `PUT`, `DELETE`, `PATCH`, `HEAD`"),
        ("stream", "`true` or `false`"),
        ("max_parallel", "whole number, at least 1"),
        ("keep", "list of texts"),
        ("output_var", "text"),
        ("default", "any value"),
    }


def test_every_option_of_a_command_is_told_of_as_the_program_does(pages):
    """Those of all commands and of groups included."""
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    for option in ("--state URL", "--run ID", "--version"):
        assert option in page
    assert page.count("-h, --help") == page.count("```text")
    assert "\n## state\n" in page
    assert "pforge-lab state get [OPTIONS]" in page


def test_proofs_that_the_pages_name_exist():
    named = {
        name
        for page in ("security.md", "guarantees.md")
        for name in re.findall(r"`(test_\w+?)(?:\.py)?`", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    }
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {file.stem for file in files} | {
        name for file in files for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert named <= there


@pytest.mark.usefixtures("pages")
def test_building_leaves_nothing_that_lessons_write():
    """Stores and notebooks that executed lessons write go; what the lessons need stays."""
    shipped = {
        path.name for path in (ROOT / "notebooks").iterdir() if path.suffix in {".ipynb", ".py", ".yaml"}
    }
    left = {path.name for path in (ROOT / "docs" / "notebooks").iterdir()}
    assert "01-step-through.ipynb" in left
    assert left <= shipped


def test_stores_and_folders_beside_the_lessons_are_cleared_away(tmp_path):
    code = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); from pages import tidy; tidy(*map(pathlib.Path, sys.argv[2:]))"
    (tmp_path / "lab.fs.blobs" / "tmp").mkdir(parents=True)
    for name in ("lab.fs", "out.ipynb", "flights.yaml"):
        (tmp_path / name).write_text("")
    subprocess.run([sys.executable, "-c", code, ROOT / "docs" / "_ext", tmp_path, ROOT], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["flights.yaml"]
