"""The language of templates: what may stand in an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import TemplateExpression
from jinja2.meta import find_undeclared_variables

from pforge_lab.errors import Fault, SpecError, near_misses

from .filters import FILTERS
from .sandbox import TEMPLATES, Contained, Environment
from .template_errors import short

if TYPE_CHECKING:
    from collections.abc import Callable

RESERVED: Final = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "if", "else", "in", "is"},
)
"""Words that templates read as something else than a variable."""

MAX_TEMPLATE: Final = 100_000
_ALLOWED: Final = (
    nodes.Add, nodes.And, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Dict, nodes.Div,
    nodes.Filter, nodes.FloorDiv, nodes.Getattr, nodes.Getitem, nodes.Keyword, nodes.List, nodes.Mod, nodes.Mul,
    nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Pair, nodes.Pos, nodes.Pow,
    nodes.Slice, nodes.Sub, nodes.Template, nodes.TemplateData, nodes.Test, nodes.Tuple,
)  # fmt: skip


def parse_expression(
    text: str, environment: Environment, source: str | None = None
) -> tuple[TemplateExpression, frozenset[str]]:
    """Compile an expression; return it with the names that it reads."""
    shown = source or text
    found = parts(parse("{{ " + text + " }}", shown, environment))
    if len(found) != 1 or isinstance(found[0], nodes.TemplateData):
        raise SpecError.of([Fault(f"{short(shown)!r} is not one expression")])
    return expression(found[0], environment, shown)


def expression(
    node: nodes.Expr, environment: Environment, shown: str
) -> tuple[TemplateExpression, frozenset[str]]:
    """Compile one parsed expression."""
    template = nodes.Template([nodes.Assign(nodes.Name("result", "store"), node, lineno=1)], lineno=1)
    template.set_environment(environment)
    reads = frozenset(find_undeclared_variables(template))
    built = build(lambda: environment.from_string(Contained().visit(template)), shown)
    return TemplateExpression(built, undefined_to_none=False), reads


def parts(tree: nodes.Template) -> list[Any]:
    """Return the literal texts and the expressions of a parsed template."""
    return [part for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]


def parse(text: str, source: str, environment: Environment) -> nodes.Template:
    """Parse a text, and refuse what is no part of the language."""
    if len(text) > MAX_TEMPLATE:
        raise SpecError.of([Fault(f"a template of {len(text):,} characters; {MAX_TEMPLATE:,} are the most")])
    tree: nodes.Template = build(lambda: environment.parse(text), source)
    build(lambda: _check(tree, source), source)
    return tree


def build(action: Callable[[], Any], source: str) -> Any:
    """Do what may find `source` wrong, with its errors as a `SpecError`."""
    try:
        return action()
    except TemplateSyntaxError as error:
        raise SpecError.of([Fault(f"{short(source)!r}: {_syntax(error)}")]) from None
    except (RecursionError, MemoryError, SyntaxError):
        raise SpecError.of([Fault(f"{short(source)!r} is nested too deeply")]) from None
    except (ValueError, OverflowError) as error:
        raise SpecError.of([Fault(f"{short(source)!r}: {error}")]) from None


def _syntax(error: TemplateSyntaxError) -> str:
    message = str(error.message)
    if "end of print statement" in message or "unexpected end of template" in message:
        return f"{message}; a template is '{{{{ expression }}}}'"
    return message.removesuffix(".")


def _check(tree: nodes.Node, source: str) -> None:
    """Refuse what is no part of the language: calls, private names, unknown filters and tests."""
    for node in tree.iter_child_nodes():
        if isinstance(node, nodes.Call):
            raise SpecError.of(
                [
                    Fault(
                        f"{short(source)!r} calls something; templates call nothing but filters such as 'x | length'"
                    )
                ],
            )
        if not isinstance(node, _ALLOWED):
            raise SpecError.of([Fault(f"{short(source)!r}: {type(node).__name__} is not part of templates")])
        if isinstance(node, nodes.Getattr):
            refuse_private(node.attr, source)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            refuse_private(node.arg.value, source)
        if isinstance(node, nodes.Name) and node.name.startswith("__"):
            refuse_private(node.name, source)
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise SpecError.of(
                [Fault(f"{short(source)!r}: no filter {node.name!r}{near_misses(node.name, FILTERS)}")]
            )
        if isinstance(node, nodes.Test) and node.name not in TEMPLATES.tests:
            raise SpecError.of(
                [Fault(f"{short(source)!r}: no test {node.name!r}{near_misses(node.name, TEMPLATES.tests)}")],
            )
        _check(node, source)


def refuse_private(name: object, source: str) -> None:
    """Refuse ``__names__``: they lead from data to code."""
    if isinstance(name, str) and name.startswith("__"):
        raise SpecError.of([Fault(f"{short(source)!r}: {name!r} is private; templates read data only")])
