"""What cells read that they do not make themselves: found without executing them."""

from __future__ import annotations

import pytest

from pforge_lab.runs.mentioned import Mentioned
from pforge_lab.runs.reading import needs, reads_anything

READ = {
    "x + 1": {"x"},
    "x += 1": {"x"},
    "x: int": {"int"},
    "for line in lines: line": {"lines"},
    "for i in []: y = i\ny": {"y"},
    "while more: y = 1\ny": {"more", "y"},
    "if a: y = 1\nelse: y = 2\ny": {"a"},
    "if a: y = 1\ny": {"a", "y"},
    "with file as text: text": {"file"},
    "try:\n    y = 1\nexcept OSError as error:\n    error; y = 2\ny": {"OSError"},
    "try:\n    y = 1\nexcept OSError:\n    pass\ny": {"OSError", "y"},
    "[x for x in xs if x > low]": {"xs", "low"},
    "(n := 3), n": set(),
    "f = lambda a: a + b": {"b"},
    "def f(a, b=c): return a + d": {"c"},
    "def f(): return d\nf()": {"d"},
    "def f(): return g()\ndef g(): return h\nf()": {"h"},
    "@cached\ndef f(): return d": {"cached", "d"},
    "def f():\n    lines = 1\n    return [lines, other]\nf()": {"other"},
    "class Box(Base):\n    def get(self): return held": {"Base", "held"},
    "import os.path as path\npath": set(),
    "match p:\n    case {'a': a, **rest}: a, rest": {"p"},
    "async with pool as p: await p": {"pool"},
    "%time total(x)": {"total", "x"},
    "files = !ls {folder} $mask": {"folder", "mask"},
    "%%time\nfor x in xs:\n    x": {"xs"},
    "%%bash\nls $HOME": set(),
}


@pytest.mark.parametrize(("source", "read"), READ.items())
def test_a_cell_needs_what_it_reads_before_it_gives_it_a_value(source, read):
    assert needs([source]) == read


def test_what_functions_of_earlier_cells_read_is_needed_when_they_are_used():
    earlier = ["def f(): return z", "class Box:\n    def get(self): return y"]
    assert needs(["f()"], earlier) == {"f", "z"}
    assert needs(["Box"], earlier) == {"Box", "y"}
    assert needs(["1"], earlier) == set()


def test_what_a_cell_makes_is_not_needed_by_those_after_it():
    assert needs(["x = 1", "x + 1"]) == set()


def test_a_function_that_is_defined_anew_reads_what_it_reads_now():
    assert needs(["def f(): return a", "f()"], ["def f(): return b"]) == {"a"}


@pytest.mark.parametrize(("source", "anything"), [("x", False), ("eval('x')", True), ("%run x.py", True)])
def test_code_that_may_read_anything_is_known(source, anything):
    assert reads_anything([source]) is anything


def test_nested_functions_that_change_their_surroundings_can_be_read():
    source = "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += step\n    return up"
    assert needs(["counter()"], [source]) == {"counter", "step"}


def test_a_magic_may_change_anything():
    assert Mentioned().by("%run x.py") is None
