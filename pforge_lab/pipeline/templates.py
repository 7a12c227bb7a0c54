"""Templates and conditions: ``{{ }}`` in the inputs of steps.

A value that is exactly one ``{{ expression }}`` hands the object itself on; other text is
rendered. Plain names and paths never reach Jinja2, everything else runs in its sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

from jinja2 import TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.environment import Template as JinjaTemplate, TemplateExpression
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SecurityError
from jinja2.utils import missing

from pforge_lab.errors import Fault, SpecError, TemplateError, near_misses

from .filters import FILTERS
from .lookup import MISSING, lookup
from .models import Faults, describe
from .sandbox import CONDITIONS, TEMPLATES, Contained, Environment, MissingValue, negations
from .truth import truth

Scope = Mapping[str, object]

RESERVED: Final = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "if", "else", "in", "is"},
)
"""Words that templates read as something else than a variable."""

MAX_EXPRESSION: Final = 10_000
MAX_DEPTH: Final = 60
_PATH: Final = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_BLOCK: Final = re.compile(r"\{%.*?%\}", re.DOTALL)
_ALLOWED: Final = (
    nodes.Add, nodes.And, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Dict, nodes.Div,
    nodes.Filter, nodes.FloorDiv, nodes.Getattr, nodes.Getitem, nodes.Keyword, nodes.List, nodes.Mod, nodes.Mul,
    nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Pair, nodes.Pos, nodes.Pow,
    nodes.Slice, nodes.Sub, nodes.Template, nodes.TemplateData, nodes.Test, nodes.Tuple,
)  # fmt: skip


class Template(Protocol):
    """A compiled value."""

    @property
    def reads(self) -> frozenset[str]:
        """Names of the variables it reads."""

    def render(self, scope: Scope) -> Any:
        """Return the value for these variables.

        Raises
        ------
        TemplateError
            Something undefined, private or of the wrong type was used.
        """


class Constant:
    """A value without templates."""

    __slots__ = ("reads", "value")

    def __init__(self, value: object) -> None:
        self.value = value
        self.reads: frozenset[str] = frozenset()

    def render(self, scope: Scope) -> Any:
        """Return the value."""
        del scope
        return self.value


class Name:
    """``{{ name }}``: the variable itself."""

    __slots__ = ("name", "reads", "source")

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.reads = frozenset({name})

    def render(self, scope: Scope) -> Any:
        """Return the variable."""
        try:
            return scope[self.name]
        except KeyError:
            raise undefined_name(self.source, self.name, scope) from None


class Path:
    """``{{ name.part.0 }}``: a part of a variable."""

    __slots__ = ("name", "parts", "reads", "source")

    def __init__(self, name: str, parts: tuple[str | int, ...], source: str) -> None:
        self.name = name
        self.parts = parts
        self.source = source
        self.reads = frozenset({name})

    def render(self, scope: Scope) -> Any:
        """Return the part."""
        try:
            value = scope[self.name]
        except KeyError:
            raise undefined_name(self.source, self.name, scope) from None
        for part in self.parts:
            try:
                found = lookup(value, part)
            except Exception as error:
                raise _failed(self.source, error, scope) from error
            if found is MISSING:
                raise _undefined_part(self.source, value, part, scope)
            value = found
        return value


class Expression:
    """``{{ expression }}``: whatever it evaluates to."""

    __slots__ = ("expression", "reads", "source")

    def __init__(self, expression: TemplateExpression, reads: frozenset[str], source: str) -> None:
        self.expression = expression
        self.reads = reads
        self.source = source

    def render(self, scope: Scope) -> Any:
        """Return the value of the expression."""
        try:
            value = self.expression({name: scope[name] for name in self.reads if name in scope})
            if isinstance(value, Undefined):
                str(value)  # raises what is missing
        except Exception as error:
            raise _failed(self.source, error, scope) from error
        return value


class Text:
    """Text with expressions in it, rendered as text."""

    __slots__ = ("reads", "source", "template")

    def __init__(self, template: JinjaTemplate, reads: frozenset[str], source: str) -> None:
        self.template = template
        self.reads = reads
        self.source = source

    def render(self, scope: Scope) -> Any:
        """Return the text."""
        try:
            return self.template.render({name: scope[name] for name in self.reads if name in scope})
        except Exception as error:
            raise _failed(self.source, error, scope) from error


class Sequence:
    """A list of templates; each rendering makes a new list."""

    __slots__ = ("items", "reads")

    def __init__(self, items: list[Template]) -> None:
        self.items = items
        self.reads = _union(items)

    def render(self, scope: Scope) -> Any:
        """Return the list."""
        return [item.render(scope) for item in self.items]


class Fields:
    """A mapping of templates; each rendering makes a new dict."""

    __slots__ = ("fields", "pairs", "reads")

    def __init__(self, fields: dict[str, Template]) -> None:
        self.fields = fields
        self.pairs = tuple(fields.items())
        self.reads = _union(fields.values())

    def render(self, scope: Scope) -> Any:
        """Return the mapping."""
        return {name: template.render(scope) for name, template in self.pairs}


class Condition:
    """A compiled condition."""

    __slots__ = ("_evaluate", "reads", "source")

    def __init__(self, source: str, reads: frozenset[str], evaluate: Callable[[Scope], Any]) -> None:
        self.source = source
        self.reads = reads
        self._evaluate = evaluate

    def test(self, scope: Scope) -> bool:
        """Return whether the condition holds; what is undefined is false.

        Raises
        ------
        TemplateError
            The condition cannot be evaluated, such as text compared with a number.
        """
        try:
            return truth(self._evaluate(scope))
        except (MissingValue, UndefinedError):
            return False
        except Exception as error:
            raise _failed(self.source, error, scope) from error


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
    return _compile_condition(text)


@lru_cache(maxsize=4096)
def _compile_condition(text: str) -> Condition:
    source = _bare(text)
    if not source:
        raise SpecError.of([Fault("the condition is empty; leave it out, or name a variable")])
    negated = source.startswith("!") and _PATH.fullmatch(source[1:].strip()) is not None
    bare = source[1:].strip() if negated else source
    path = _path(bare, source)
    if path is not None:
        return Condition(source, path.reads, _path_condition(path, negated=negated))
    expression = _parse_expression(source, CONDITIONS)
    compiled = Expression(*expression, source)

    def evaluate(scope: Scope) -> Any:
        return compiled.expression({name: scope[name] for name in compiled.reads if name in scope})

    return Condition(source, compiled.reads, evaluate)


def path_of(condition: str) -> str | None:
    """Return the variable that a condition needs to hold at all, if it is a plain name or path."""
    path = _path(_bare(condition), condition)
    return None if path is None else path.name


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
    if value is None or isinstance(value, bool | int | float):
        return Constant(value)
    if isinstance(value, Mapping):
        return Fields(
            {
                _key(key, faults, at): _compile(item, faults, _at(at, key), depth + 1)
                for key, item in value.items()
            },
        )
    if isinstance(value, list | tuple):
        return Sequence([_compile(item, faults, _at(at, i), depth + 1) for i, item in enumerate(value)])
    faults.add(
        f"{describe(value)} is no plain data; hand objects to the pipeline as params and name them: '{{{{ name }}}}'",
        at,
    )
    return Constant(None)


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
                    f"{_short(block.group())!r}: blocks are not part of templates; use a condition on the step"
                )
            ],
        )
    if "{{" not in text:
        return Constant(text)
    if text.startswith("{{") and text.endswith("}}"):
        path = _path(text[2:-2].strip(), text)
        if path is not None:
            return path
    tree = _parse(text, text, TEMPLATES)
    parts = _parts(tree)
    reads = frozenset(find_undeclared_variables(tree))
    if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
        inner = negations(text.strip()[2:-2]).strip().removeprefix("-").removesuffix("-")
        expression, reads = _parse_expression(inner, TEMPLATES, text)
        return Expression(expression, reads, text)
    if all(isinstance(part, nodes.TemplateData) for part in parts):
        return Constant("".join(part.data for part in parts))
    return Text(_build(lambda: TEMPLATES.from_string(Contained().visit(tree)), text), reads, text)


def _path(expression: str, source: str) -> Name | Path | None:
    if _PATH.fullmatch(expression) is None:
        return None
    name, *rest = expression.split(".")
    if name in RESERVED:
        return None
    for part in rest:
        _refuse_private(part, source)
    parts = tuple(
        int(part) if part.isascii() and part.isdigit() and len(part) < 19 else part for part in rest
    )
    return Path(name, parts, source) if parts else Name(name, source)


def _bare(text: str) -> str:
    source = text.strip()
    if source.startswith("{{") and source.endswith("}}") and "{{" not in source[2:]:
        return source[2:-2].strip()
    return source


def _parse_expression(
    text: str, environment: Environment, source: str | None = None
) -> tuple[TemplateExpression, frozenset[str]]:
    shown = source or text
    parts = _parts(_parse("{{ " + text + " }}", shown, environment))
    if len(parts) != 1 or isinstance(parts[0], nodes.TemplateData):
        raise SpecError.of([Fault(f"{_short(shown)!r} is not one expression")])
    return _expression(parts[0], environment, shown)


def _expression(
    node: nodes.Expr, environment: Environment, shown: str
) -> tuple[TemplateExpression, frozenset[str]]:
    """Compile one parsed expression."""
    template = nodes.Template([nodes.Assign(nodes.Name("result", "store"), node, lineno=1)], lineno=1)
    template.set_environment(environment)
    reads = frozenset(find_undeclared_variables(template))
    built = _build(lambda: environment.from_string(Contained().visit(template)), shown)
    return TemplateExpression(built, undefined_to_none=False), reads


def _parts(tree: nodes.Template) -> list[Any]:
    """Return the literal texts and the expressions of a parsed template."""
    return [part for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]


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
    parts = _parts(_parse(text, text, TEMPLATES))
    return [
        part.data
        if isinstance(part, nodes.TemplateData)
        else Expression(*_expression(part, TEMPLATES, text), text)
        for part in parts
    ]


def _parse(text: str, source: str, environment: Environment) -> nodes.Template:
    if "{{" in text and len(text) > MAX_EXPRESSION and len(source) > MAX_EXPRESSION * 20:
        raise SpecError.of(
            [Fault(f"the template has {len(text):,} characters, more than {MAX_EXPRESSION * 20:,}")]
        )
    tree = _build(lambda: environment.parse(text), source)
    _build(lambda: _check(tree, source), source)
    return tree


def _build(action: Callable[[], Any], source: str) -> Any:
    try:
        return action()
    except TemplateSyntaxError as error:
        raise SpecError.of([Fault(f"{_short(source)!r}: {_syntax(error)}")]) from None
    except (RecursionError, MemoryError, SyntaxError):
        raise SpecError.of([Fault(f"{_short(source)!r} is nested too deeply")]) from None
    except (ValueError, OverflowError) as error:
        raise SpecError.of([Fault(f"{_short(source)!r}: {error}")]) from None


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
                        f"{_short(source)!r} calls something; templates call nothing but filters such as 'x | length'"
                    )
                ],
            )
        if not isinstance(node, _ALLOWED):
            raise SpecError.of([Fault(f"{_short(source)!r}: {type(node).__name__} is not part of templates")])
        if isinstance(node, nodes.Getattr):
            _refuse_private(node.attr, source)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            _refuse_private(node.arg.value, source)
        if isinstance(node, nodes.Name) and node.name.startswith("__"):
            _refuse_private(node.name, source)
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise SpecError.of(
                [Fault(f"{_short(source)!r}: no filter {node.name!r}{near_misses(node.name, FILTERS)}")]
            )
        if isinstance(node, nodes.Test) and node.name not in TEMPLATES.tests:
            raise SpecError.of(
                [
                    Fault(
                        f"{_short(source)!r}: no test {node.name!r}{near_misses(node.name, TEMPLATES.tests)}"
                    )
                ],
            )
        _check(node, source)


def _refuse_private(name: object, source: str) -> None:
    if isinstance(name, str) and name.startswith("__"):
        raise SpecError.of([Fault(f"{_short(source)!r}: {name!r} is private; templates read data only")])


def undefined_name(source: str, name: str, scope: Scope) -> TemplateError:
    """Return the error for a name that is not among the variables."""
    defined = tuple(sorted(map(str, scope)))
    listed = ", ".join(repr(other) for other in defined[:20]) or "none"
    more = f" and {len(defined) - 20} more" if len(defined) > 20 else ""
    near = near_misses(name, defined)
    return TemplateError(
        f"{_short(source)!r}: {name!r} is not defined{near if near.startswith(',') else ''} Defined: {listed}{more}"
        if near.startswith(",")
        else f"{_short(source)!r}: {name!r} is not defined. Defined: {listed}{more}",
        expression=source,
        name=name,
        defined=defined,
    )


def _undefined_part(source: str, owner: object, part: object, scope: Scope) -> TemplateError:
    defined = tuple(sorted(map(str, scope)))
    if isinstance(owner, Mapping):
        detail = f"there is no {part!r}{near_misses(str(part), map(str, owner))}"
    elif isinstance(part, int) and hasattr(owner, "__len__"):
        detail = f"there is no item {part}; the {type(owner).__name__} has {len(owner)}"
    else:
        detail = f"a {type(owner).__name__} has no {part!r}"
    return TemplateError(f"{_short(source)!r}: {detail}", expression=source, name=None, defined=defined)


def _failed(source: str, error: Exception, scope: Scope) -> TemplateError:
    if isinstance(error, TemplateError):
        return error
    if isinstance(error, MissingValue):
        if error.owner is missing:
            return undefined_name(source, str(error.name), scope)
        return _undefined_part(source, error.owner, error.name, scope)
    kind = "" if isinstance(error, SecurityError) else f"{type(error).__name__}: "
    defined = tuple(sorted(map(str, scope)))
    return TemplateError(f"{_short(source)!r}: {kind}{error}", expression=source, name=None, defined=defined)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:77] + "..."


def _union(templates: Iterable[Template]) -> frozenset[str]:
    return frozenset().union(*(template.reads for template in templates))
