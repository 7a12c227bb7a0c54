"""What can be told of conditions and templates without the value of any variable."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from jinja2 import nodes

from .language import expression, parse, parts
from .rendering import Condition, Expression, Fields, Sequence, Text
from .sandbox import CONDITIONS, TEMPLATES
from .templates import bare, compile_condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .templates import Template

_ORDER: Final = ("gt", "gteq", "lt", "lteq")


@lru_cache(maxsize=4096)
def settled(condition: str, absent: frozenset[str]) -> bool | None:
    """Return what a condition comes to whatever the variables are, where names of `absent` do not exist.

    None says that it depends on variables. False is said, too, where the condition may raise instead:
    what it guards does not happen either way. True is said only where it cannot raise.

    Examples
    --------
    >>> settled("limit > 3", frozenset()), settled("limit > 3", frozenset({"limit"}))
    (None, False)
    >>> settled("limit > 3 and rows", frozenset({"limit"})), settled("1 == 1", frozenset())
    (False, True)
    """
    compiled = compile_condition(condition)
    if compiled.reads <= absent:
        return _tested(compiled)
    source = bare(condition)
    found = parts(parse("{{ " + source + " }}", condition, CONDITIONS))[0]
    return False if _truth(found, absent) is False else None


def _truth(node: nodes.Expr, absent: frozenset[str]) -> bool | None:
    """Return the truth of an expression; one that raises may be called either."""
    if isinstance(node, nodes.And | nodes.Or):
        decides = isinstance(node, nodes.Or)
        sides = {_truth(node.left, absent), _truth(node.right, absent)}
        return decides if decides in sides else None if None in sides else not decides
    if isinstance(node, nodes.Not):
        inner = _truth(node.node, absent)
        return None if inner is None else not inner
    if isinstance(node, nodes.CondExpr):
        return _choice(node, absent)
    compared = node.expr if isinstance(node, nodes.Compare) and node.ops[0].op in _ORDER else node
    if _is_absent(compared, absent):
        return False
    return _tested(_alone(node)) if _names(node) <= absent else None


def _choice(node: nodes.CondExpr, absent: frozenset[str]) -> bool | None:
    test, yes = _truth(node.test, absent), _truth(node.expr1, absent)
    no = False if node.expr2 is None else _truth(node.expr2, absent)
    if test is None:
        return yes if yes is no else None
    return yes if test else no


def _is_absent(node: nodes.Node, absent: frozenset[str]) -> bool:
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return isinstance(node, nodes.Name) and node.name in absent


def _names(node: nodes.Node) -> frozenset[str]:
    own = {node.name} if isinstance(node, nodes.Name) else set[str]()
    return frozenset(own | {found.name for found in node.find_all(nodes.Name)})


def _alone(node: nodes.Expr) -> Condition:
    evaluate, reads = expression(node, CONDITIONS, "part of a condition")
    return Condition("part of a condition", reads, lambda _scope: evaluate({}))


def _tested(condition: Condition) -> bool | None:
    try:
        return condition.test({})
    except Exception:  # noqa: BLE001 -- what it says is said when it is met
        return None


def demanded(template: Template) -> frozenset[str]:
    """Return the names without which a template fails: not those that it reads only where they are defined.

    Examples
    --------
    >>> from pforge_lab.pipeline.templates import compile_value
    >>> sorted(demanded(compile_value({"a": "{{ x }}", "b": "{{ y | default(z) }}", "c": "{{ 1 if w else v }}"})))
    ['x']
    """
    if isinstance(template, Sequence):
        return frozenset().union(*map(demanded, template.items))
    if isinstance(template, Fields):
        return frozenset().union(*map(demanded, template.fields.values()))
    if isinstance(template, Expression | Text):
        source = template.source
        return frozenset(name for part in parts(parse(source, source, TEMPLATES)) for name in _strict(part))
    return template.reads


def _strict(node: nodes.Node) -> Iterator[str]:
    """Yield the names that are evaluated at all events, and must be there."""
    if isinstance(node, nodes.Name):
        yield node.name
    elif isinstance(node, nodes.And | nodes.Or):
        yield from _lenient(node.left)
    elif isinstance(node, nodes.Not):
        yield from _lenient(node.node)
    elif isinstance(node, nodes.CondExpr):
        yield from _lenient(node.test)
    elif isinstance(node, nodes.Compare):
        yield from _strict(node.expr)
        yield from _strict(node.ops[0].expr)
    elif isinstance(node, nodes.Filter | nodes.Test) and node.node is not None:
        if node.name in {"default", "d", "defined", "undefined"}:
            yield from _lenient(node.node)
        else:
            yield from _strict(node.node)
    else:
        for child in node.iter_child_nodes():
            yield from _strict(child)


def _lenient(node: nodes.Node) -> Iterator[str]:
    if not isinstance(node, nodes.Name):
        yield from _strict(node)
