"""Which names code reads before it surely gives them a value: what a cell needs of those before it."""

from __future__ import annotations

import ast
import symtable
from typing import TYPE_CHECKING

from pforge_lab.runs.cell_source import is_python, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ANYTHING = frozenset(("exec", "eval", "globals", "vars", "locals", "get_ipython"))


def needs(sources: Iterable[str], earlier: Iterable[str] = ()) -> set[str]:
    """Return the names that cells read before they give them a value.

    What functions and classes read that are used counts too, also those of earlier cells. Of a cell
    that is no plain Python (a magic in it) what can be read of it counts.

    Examples
    --------
    >>> sorted(needs(["y = x + 1", "print(y, f())"], ["def f(): return z"]))
    ['f', 'print', 'x', 'z']
    >>> sorted(needs(["with open('a') as file: text = [line for line in file]", "text"]))
    ['open']
    """
    reader = Reader()
    for source in earlier:
        reader.learn(parsed(source))
    for source in sources:
        reader.read(parsed(source))
    return reader.needed


def reads_anything(sources: Iterable[str]) -> bool:
    """Return whether code may read variables that it does not name, as ``eval`` and magics do.

    Examples
    --------
    >>> reads_anything(["x + 1"]), reads_anything(["eval(text)"])
    (False, True)
    """
    return any(
        not is_python(source)
        or any(isinstance(node, ast.Name) and node.id in _ANYTHING for node in ast.walk(ast.parse(source)))
        for source in sources
    )


class Reader(ast.NodeVisitor):
    """Walks statements in the order of their execution.

    Attributes
    ----------
    needed
        Names that were read before they were given a value.
    given
        Names that surely have been given a value.
    """

    def __init__(self) -> None:
        self.needed = set[str]()
        self.given = set[str]()
        self._bodies: dict[str, set[str]] = {}  # what functions and classes read when they are used

    def learn(self, statements: Iterable[ast.stmt]) -> None:
        """Take note of functions and classes that were defined before."""
        for node in statements:
            if isinstance(node, _FUNCTIONS):
                self._bodies[node.name] = _globals_of(node)
            else:
                self.learn(inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt))

    def read(self, statements: Sequence[ast.stmt]) -> None:
        """Read statements; what is given a value in them counts as given from then on."""
        for statement in statements:
            self.visit(statement)

    def visit_Name(self, node: ast.Name) -> None:
        """Note a name that is read, or is given a value."""
        if isinstance(node.ctx, ast.Load):
            self._reads(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.given.add(node.id)

    def _reads(self, name: str) -> None:
        pending, seen = [name], set[str]()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            if name not in self.given:
                self.needed.add(name)
            pending += self._bodies.get(name, ())

    def visit_Assign(self, node: ast.Assign) -> None:
        """Read the value before the targets are given it."""
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Read the target: ``x += 1`` needs ``x``."""
        if isinstance(node.target, ast.Name):
            self._reads(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Give the target a value only where there is one."""
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Give the target a value within the loop; after it nothing is sure."""
        self.visit(node.iter)
        self._perhaps(node.target, *node.body)
        self._perhaps(*node.orelse)

    visit_AsyncFor = visit_For  # noqa: N815 - the protocol of ast

    def visit_While(self, node: ast.While) -> None:
        """Read the test; the loop may not be entered."""
        self.visit(node.test)
        self._perhaps(*node.body)
        self._perhaps(*node.orelse)

    def visit_If(self, node: ast.If) -> None:
        """Give a value to what both branches give one."""
        self.visit(node.test)
        self.given = self._perhaps(*node.body) & self._perhaps(*node.orelse)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        """Give a value to what every way through gives one."""
        before = set(self.given)
        through = self._perhaps(*node.body, *node.orelse)
        ways = [self._perhaps(*handler.body, named=handler.name) for handler in node.handlers]
        for handler in node.handlers:
            if handler.type is not None:
                self.visit(handler.type)
        self.given = before | through.intersection(*ways)
        self.read(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815 - the protocol of ast

    def visit_Match(self, node: ast.Match) -> None:
        """Read the subject; any of the cases may be the one."""
        self.visit(node.subject)
        for case in node.cases:
            captured = [
                inner.name or ""
                for inner in ast.walk(case.pattern)
                if isinstance(inner, (ast.MatchAs, ast.MatchStar))
            ]
            captured += [
                inner.rest or "" for inner in ast.walk(case.pattern) if isinstance(inner, ast.MatchMapping)
            ]
            guard = [] if case.guard is None else [case.guard]
            self._perhaps(case.pattern, *guard, *case.body, named=captured)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Read decorators and defaults now, and the body when the function is used."""
        arguments = node.args
        for part in (*node.decorator_list, *arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.visit(part)
        if node.decorator_list:  # what decorates it may call it
            for name in _globals_of(node) - {node.name}:
                self._reads(name)
        self._bodies[node.name] = _globals_of(node)
        self.given.add(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the protocol of ast

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Read all of a class when it is defined: its body is executed, methods come with it."""
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(part)
        self._bodies[node.name] = _globals_of(node)
        for name in self._bodies[node.name] - {node.name}:
            self._reads(name)
        self.given.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Read what the body of a nameless function reads from outside."""
        self._inside(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        """Read what comes from outside, not what is given a value within."""
        self._inside(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        """Read as a list's."""
        self._inside(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        """Read as a list's."""
        self._inside(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        """Read as a list's."""
        self._inside(node)

    def _inside(self, node: ast.expr) -> None:
        for name in _globals_of(node):
            self._reads(name)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Give the imported names a value."""
        self.given |= {(name.asname or name.name).partition(".")[0] for name in node.names}

    visit_ImportFrom = visit_Import  # noqa: N815 - the protocol of ast

    def _perhaps(self, *nodes: ast.AST, named: str | list[str] | None = None) -> set[str]:
        """Read what may not be executed; return what is given a value when it is."""
        before = set(self.given)
        self.given |= {named} if isinstance(named, str) else set(named or ())
        for node in nodes:
            self.visit(node)
        given, self.given = self.given, before
        return given


def _globals_of(node: ast.AST) -> set[str]:
    """Return the names of the module that a piece of code reads, those of functions inside included."""
    try:
        # In a function the names of comprehensions are local; from Python 3.12 on a module has them as its own
        code = f"lambda: ({ast.unparse(node)})" if isinstance(node, ast.expr) else ast.unparse(node)
        table = symtable.symtable(code, "cell", "exec")
    except SyntaxError:  # such as a class whose body is right only where it stands
        return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    names, pending = set[str](), list(table.get_children())
    names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    while pending:
        inner = pending.pop()
        names |= {
            symbol.get_name()
            for symbol in inner.get_symbols()
            if symbol.is_global() and symbol.is_referenced()
        }
        pending += inner.get_children()
    return names
