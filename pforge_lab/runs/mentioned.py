"""Which variables a piece of code may change: those it names, and those that functions it may call name."""

from __future__ import annotations

import ast

from pforge_lab.runs.cell_source import is_python, parsed

_ANYTHING = frozenset(("exec", "eval", "globals", "vars", "locals", "setattr", "get_ipython", "__main__"))


class Mentioned:
    """Remembers the names in functions and classes of all code so far: any code may call them.

    Examples
    --------
    >>> mentioned = Mentioned()
    >>> sorted(mentioned.by("def f(): a.append(b)")), sorted(mentioned.by("c = 1"))
    (['a', 'b', 'f'], ['a', 'b', 'c', 'f'])
    >>> mentioned.by("eval(text)") is None
    True
    """

    def __init__(self) -> None:
        self._names = set[str]()

    def by(self, source: str) -> set[str] | None:
        """Return the names in code and in all functions so far; None when it may change anything."""
        if not is_python(source):  # a magic
            for statement in parsed(source):
                self._names |= _names(statement)
            return None
        names = set[str]()
        for statement in parsed(source):
            names |= _names(statement)
            for node in ast.walk(statement):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                    self._names |= _names(node)
        names |= self._names
        return None if names & _ANYTHING else names


def _names(node: ast.AST) -> set[str]:
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Global, ast.Nonlocal)):
            names |= set(inner.names)
        if isinstance(inner, (ast.Import, ast.ImportFrom)):
            names |= {(name.asname or name.name).partition(".")[0] for name in inner.names}
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(inner.name)
    return names
