"""A cell as the Python that can be read in it: magics and shell commands stand for what they read."""

from __future__ import annotations

import ast
import re

_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*\n?")
_PYTHON = frozenset(("time", "timeit", "capture", "prun", "memit"))  # cell magics that execute their cell
_LINE = re.compile(r"(?P<indent>\s*)(?:(?P<target>[\w, ]+?)\s*=\s*)?(?:%(?P<magic>\w+)|!{1,2})(?P<rest>.*)")
_MAGIC = re.compile(r"%(\w+)(.*)")
_INSERTED = re.compile(r"\{([A-Za-z_]\w*)|\$([A-Za-z_]\w*)")


def parsed(source: str) -> list[ast.stmt]:
    r"""Return the statements of a cell; of one that is no plain Python, those that can be read.

    Examples
    --------
    >>> [ast.unparse(statement) for statement in parsed("%time total(x)\nfiles = !ls {folder}")]
    ['total(x)', 'files = [folder]']
    """
    statements = _statements(source)
    if statements is not None:
        return statements
    text = "\n".join(map(_plain, _executed(source).splitlines()))
    whole = _statements(text)
    if whole is not None:
        return whole
    return [statement for line in text.splitlines() for statement in _statements(line.strip()) or ()]


def line_magics(source: str) -> list[tuple[str, str]]:
    r"""Return name and argument of the magics that are lines of a cell, as far as they stand by themselves.

    Examples
    --------
    >>> line_magics("%load_ext autoreload\n%autoreload 2\nx = %pwd")
    [('load_ext', 'autoreload'), ('autoreload', '2')]
    >>> line_magics("%%time\n%load_ext one"), line_magics("%%sql\n%config")
    ([('load_ext', 'one')], [])
    >>> line_magics("text = '''\n%load_ext one\n'''")
    []
    """
    if is_python(source):
        return []
    found = (_MAGIC.fullmatch(line) for line in _executed(source).splitlines())
    return [(match[1], match[2].strip()) for match in found if match is not None]


def is_python(source: str) -> bool:
    """Return whether a cell is plain Python, without a magic or a shell command.

    Examples
    --------
    >>> is_python("x = 1"), is_python("!ls")
    (True, False)
    """
    return _statements(source) is not None


def _executed(source: str) -> str:
    """Return what of a cell IPython executes itself: nothing where a cell magic takes it for something else."""
    magic = _CELL_MAGIC.match(source)
    if magic is None:
        return source
    return source[magic.end() :] if magic[1] in _PYTHON else ""


def _statements(text: str) -> list[ast.stmt] | None:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError):
        return None


def _plain(line: str) -> str:
    match = _LINE.fullmatch(line)
    if match is None:
        return line
    rest = match["rest"].strip()
    if match["magic"] in _PYTHON and _statements(rest) is not None:
        value = rest or "None"
    else:
        value = "[" + ", ".join(first or second for first, second in _INSERTED.findall(rest)) + "]"
    return match["indent"] + (f"{match['target']} = {value}" if match["target"] else value)
