"""Templates and conditions: ``{{ }}`` in the inputs of steps.

A value that is exactly one ``{{ expression }}`` hands the object itself on; other text is
rendered. Plain names and paths never reach Jinja2, everything else runs in its sandbox.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from pforge_lab.errors import Fault, SpecError

from .language import RESERVED, build, expression, parse, parse_expression, parts, refuse_private
from .lookup import MISSING, lookup
from .models import Faults, describe
from .rendering import Condition, Constant, Expression, Fields, Name, Path, Sequence, Template, Text
from .sandbox import CONDITIONS, TEMPLATES, Contained, negations
from .template_errors import Scope, short
from .truth import truth

__all__ = [
    "RESERVED",
    "Condition",
    "Scope",
    "Template",
    "bare",
    "compile_condition",
    "compile_pieces",
    "compile_value",
]

MAX_DEPTH: Final = 60
_PATH: Final = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_BLOCK: Final = re.compile(r"\{%.*?%\}", re.DOTALL)


def compile_value(value: object) -> Template:
    """Compile plain data whose texts may be templates.

    Parameters
    ----------
    value
        None, booleans, numbers, texts, and lists and mappings of these.

    Returns
    -------
    Template
        With ``render(scope)`` and ``reads``.

    Raises
    ------
    SpecError
        With every template that cannot be compiled, and every value that is no plain data.

    Examples
    --------
    >>> template = compile_value({"who": "{{ user.name }}", "text": "Hello {{ user.name }}!"})
    >>> template.render({"user": {"name": "Ada"}})
    {'who': 'Ada', 'text': 'Hello Ada!'}
    >>> sorted(template.reads)
    ['user']
    """
    faults = Faults()
    template = _compile(value, faults, "", 0)
    faults.raise_if_any()
    return template


_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "gteq": operator.ge, "lt": operator.lt, "lteq": operator.le,
}  # fmt: skip


@lru_cache(maxsize=4096)
def compile_condition(text: str) -> Condition:
    """Compile a condition: an expression, with pforge's ``!name``.

    Raises
    ------
    SpecError
        The expression cannot be compiled.

    Examples
    --------
    >>> compile_condition("balance.value >= 1000").test({"balance": {"value": 1500}})
    True
    >>> compile_condition("!result").test({})
    True
    """
    source = bare(text)
    if not source:
        raise SpecError.of([Fault("the condition is empty; leave it out, or name a variable")])
    negated = source.startswith("!") and _PATH.fullmatch(source[1:].strip()) is not None
    path = _path(source[1:].strip() if negated else source, source)
    if path is not None:
        return Condition(source, path.reads, _path_condition(path, negated=negated))
    expression = parse_expression(source, CONDITIONS)
    compiled = Expression(*expression, source)

    def evaluate(scope: Scope) -> Any:
        return compiled.expression({name: scope[name] for name in compiled.reads if name in scope})

    return Condition(source, compiled.reads, _comparison(source, evaluate) or evaluate)


def _comparison(source: str, otherwise: Callable[[Scope], Any]) -> Callable[[Scope], Any] | None:
    """Return what evaluates the comparison of a variable with a constant, ten times faster; None for others."""
    found = parts(parse("{{ " + source + " }}", source, CONDITIONS))[0]
    if not (isinstance(found, nodes.Compare) and isinstance(found.expr, nodes.Name) and len(found.ops) == 1):
        return None
    operand, compare = found.ops[0].expr, _COMPARISONS.get(found.ops[0].op)
    if compare is None or not isinstance(operand, nodes.Const):
        return None
    name, constant = found.expr.name, operand.value

    def evaluate(scope: Scope) -> Any:
        value = scope.get(name, MISSING)
        return otherwise(scope) if value is MISSING else compare(value, constant)

    return evaluate


def _path_condition(path: Name | Path, *, negated: bool) -> Callable[[Scope], Any]:
    name = path.name
    parts = path.parts if isinstance(path, Path) else ()

    def evaluate(scope: Scope) -> Any:
        value = scope.get(name, MISSING)
        for part in parts:
            if value is MISSING:
                break
            value = lookup(value, part)
        found = value is not MISSING and truth(value)
        return not found if negated else found

    return evaluate


def _compile(value: object, faults: Faults, at: str, depth: int) -> Template:
    if depth > MAX_DEPTH:
        faults.add(f"nested more than {MAX_DEPTH} levels deep", at)
        return Constant(None)
    if isinstance(value, str):
        with faults.collect(at):
            return _compile_text(value)
        return Constant(None)
    if isinstance(value, Mapping | list | tuple):
        return _compile_collection(value, faults, at, depth)
    if value is not None and not isinstance(value, bool | int | float):
        name = "hand objects to the pipeline as params and name them: '{{ name }}'"
        faults.add(f"{describe(value)} is no plain data; {name}", at)
    return Constant(value)


def _compile_collection(value: Any, faults: Faults, at: str, depth: int) -> Template:
    if isinstance(value, Mapping):
        return Fields(
            {
                _key(key, faults, at): _compile(item, faults, _at(at, key), depth + 1)
                for key, item in value.items()
            },
        )
    return Sequence([_compile(item, faults, _at(at, i), depth + 1) for i, item in enumerate(value)])


def _at(at: str, part: object) -> str:
    return f"{at}.{part}" if at else str(part)


def _key(key: object, faults: Faults, at: str) -> str:
    if not isinstance(key, str):
        faults.add(f"the name {key!r} must be a string", at)
    return str(key)


@lru_cache(maxsize=4096)
def _compile_text(text: str) -> Template:
    block = _BLOCK.search(text)
    if block is not None:
        raise SpecError.of(
            [
                Fault(
                    f"{short(block.group())!r}: blocks are not part of templates; use a condition on the step"
                )
            ],
        )
    if "{{" not in text:
        return Constant(text)
    path = _path(text[2:-2].strip(), text) if text.startswith("{{") and text.endswith("}}") else None
    return _compile_expressions(text) if path is None else path


def _compile_expressions(text: str) -> Template:
    """Compile a text with anything else than one plain path."""
    tree = parse(text, text, TEMPLATES)
    found = parts(tree)
    reads = frozenset(find_undeclared_variables(tree))
    if len(found) == 1 and not isinstance(found[0], nodes.TemplateData):
        inner = negations(text.strip()[2:-2].removeprefix("-").removesuffix("-")).strip()
        expression, reads = parse_expression(inner, TEMPLATES, text)
        return Expression(expression, reads, text)
    if all(isinstance(part, nodes.TemplateData) for part in found):
        return Constant("".join(part.data for part in found))
    return Text(build(lambda: TEMPLATES.from_string(Contained().visit(tree)), text), reads, text)


def _path(expression: str, source: str) -> Name | Path | None:
    if _PATH.fullmatch(expression) is None:
        return None
    name, *rest = expression.split(".")
    if name in RESERVED:
        return None
    for part in rest:
        refuse_private(part, source)
    parts = tuple(
        int(part) if part.isascii() and part.isdigit() and len(part) < 19 else part for part in rest
    )
    return Path(name, parts, source) if parts else Name(name, source)


def bare(text: str) -> str:
    """Return the expression of a condition, which may stand in braces.

    Examples
    --------
    >>> bare("{{ ready }}"), bare(" ready ")
    ('ready', 'ready')
    """
    source = text.strip()
    if source.startswith("{{") and source.endswith("}}") and "{{" not in source[2:]:
        return source[2:-2].strip()
    return source


def compile_pieces(text: str) -> list[str | Template]:
    """Return the literal texts of a template, and its expressions compiled one by one.

    For callers that treat what an expression gives differently from what stands in the definition.

    Raises
    ------
    SpecError
        The template cannot be compiled.

    Examples
    --------
    >>> host, name = compile_pieces("https://example.org/{{ user.name }}")
    >>> host, name.render({"user": {"name": "Ada"}})
    ('https://example.org/', 'Ada')
    """
    whole = _compile_text(text)
    if not isinstance(whole, Text):
        return [str(whole.value)] if isinstance(whole, Constant) else [whole]
    found = parts(parse(text, text, TEMPLATES))
    return [
        part.data
        if isinstance(part, nodes.TemplateData)
        else Expression(*expression(part, TEMPLATES, text), text)
        for part in found
    ]
