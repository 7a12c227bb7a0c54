"""What can be asked for, and what is given back, has its place in the documentation."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import pforge_lab as pf
from pforge_lab.papermill_engine import Options
from pforge_lab.state.opening import SCHEMES

DOCS = Path(__file__).parents[2] / "docs"
# What is returned for the parts of this package, and a name that others have too
INSIDE = {"Condition", "Head", "Path", "Template", "Timeline", "Transaction"}
OF_EACH = {"self", "url", "path", "mode"}  # told by open_state itself


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_option_of_a_store_is_told(scheme):
    page = (DOCS / "howto" / "stores.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    options = set(inspect.signature(SCHEMES[scheme].load().__init__).parameters) - OF_EACH
    assert options <= told


@pytest.mark.parametrize("option", Options.__slots__)
def test_every_option_of_the_papermill_engine_is_told(option):
    page = (DOCS / "howto" / "papermill.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `PFORGE_{option.upper()}=", page, re.MULTILINE)


@pytest.mark.parametrize("name", ["PFORGE_STATE", "PFORGE_NOTEBOOK", "PFORGE_KEY"])
def test_every_variable_of_the_environment_is_told(name):
    page = (DOCS / "howto" / "notebook.md").read_text(encoding="utf-8")
    assert f"`{name}" in page


def returned():
    """Return the words of what public functions, methods and properties are annotated to return."""
    members = [getattr(pf, name) for name in pf.__all__]
    for owner in filter(inspect.isclass, tuple(members)):
        members += [member for kind in owner.__mro__ for name, member in vars(kind).items() if name[0] != "_"]
    functions = [getattr(member, "fget", None) or getattr(member, "__func__", member) for member in members]
    annotated = [getattr(function, "__annotations__", {}) for function in functions]
    return set(re.findall(r"\w+", " ".join(str(each.get("return", "")) for each in annotated)))


def test_every_class_that_a_public_call_returns_is_in_the_reference():
    pages = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    sources = "".join(file.read_text(encoding="utf-8") for file in (DOCS.parent / "pforge_lab").rglob("*.py"))
    ours = returned() & set(re.findall(r"^class ([A-Z]\w+)", sources, re.MULTILINE))
    assert ours > {"Moment", "StepRecord", "Batch"}
    assert ours - INSIDE - set(re.findall(r"autoclass:: (?:[\w.]+\.)?(\w+)", pages)) == set()
