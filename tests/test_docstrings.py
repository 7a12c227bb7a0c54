"""What is public is described: each parameter, the errors, the units, and an example that runs."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

import pytest

import pforge_lab as pf
from tests.public import AWAITABLE, CLASSES, PUBLIC, WITHIN, bodies, callables, members

#: What parameters of such names are measured in
UNITS = {
    r"ttl|timeout|seconds|window": r"[Ss]econds?\b|timedelta",
    r"timeout_ms": r"[Mm]illiseconds?\b",
    r"(\w+_)?bytes|malloc_\w+|arrow|peak": r"[Bb]ytes?\b",
}


def test_every_public_name_is_described():
    assert [name for name, thing in PUBLIC.items() if not inspect.getdoc(thing)] == []


def test_every_public_name_shows_an_example():
    """Examples run as doctests; errors show what raises them."""
    assert [name for name, thing in PUBLIC.items() if ">>> " not in (inspect.getdoc(thing) or "")] == []


@pytest.mark.parametrize("owner", CLASSES)
def test_every_public_member_is_described(owner):
    assert [name for name in members(owner) if not inspect.getdoc(getattr(owner, name))] == []


def shown(owner, name):
    """Return whether a member has an example of its own, or is used in that of a small class."""
    of_class = "" if owner in {pf.Pipeline, pf.Run, pf.StateManager} else inspect.getdoc(owner)
    examples = [line for line in of_class.splitlines() if line.startswith((">>> ", "... "))]
    awaited = getattr(AWAITABLE.get(owner), name, None)
    return ">>> " in f"{inspect.getdoc(getattr(owner, name))}{inspect.getdoc(awaited)}" or any(
        f".{name}" in line for line in examples
    )


@pytest.mark.parametrize("owner", CLASSES)
def test_every_public_member_shows_an_example(owner):
    """Examples run as doctests; the members of a small class may share that of the class."""
    assert [name for name in members(owner) if name not in WITHIN and not shown(owner, name)] == []


def parameters(thing):
    """Return the names of the parameters that callers give."""
    given = inspect.signature(thing).parameters
    return [name for name in given if name not in ("self", "cls") and not name.startswith("_")]


def test_every_parameter_is_named_in_the_docstring():
    unnamed = [
        f"{name}({parameter})"
        for name, (thing, doc) in callables().items()
        for parameter in parameters(thing)
        if not re.search(rf"\b{parameter}\b", doc)
    ]
    assert unnamed == []


def test_parameters_that_are_measured_have_their_unit_in_the_docstring():
    without = [
        f"{name}({parameter})"
        for name, (thing, doc) in callables().items()
        for parameter in parameters(thing)
        for names, unit in UNITS.items()
        if re.fullmatch(names, parameter) and not re.search(unit, doc)
    ]
    assert without == []


def raised(body):
    """Return what a function's own lines raise; not functions inside it, and not what it passes on."""
    waiting = list(ast.parse(textwrap.dedent(inspect.getsource(body))).body[0].body)
    found = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            found.append(ast.unparse(node.exc))
        waiting.extend(ast.iter_child_nodes(node))
    return found


def test_what_raises_says_so():
    silent = [
        name
        for name, (body, doc) in bodies().items()
        if body.__module__.startswith("pforge_lab")
        and not body.__code__.co_filename.startswith("<")  # what dataclasses write
        and "\nRaises\n------\n" not in doc
        and raised(body)
    ]
    assert silent == []
