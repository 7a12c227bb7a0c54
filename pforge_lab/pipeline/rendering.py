"""Compiled templates: each form of a value knows what it reads and how it is rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import Undefined, UndefinedError

from .lookup import MISSING, MissingValue, lookup
from .template_errors import Scope, failed, undefined_name, undefined_part
from .truth import truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2.environment import Template as JinjaTemplate, TemplateExpression


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
                raise failed(self.source, error, scope) from error
            if found is MISSING:
                raise undefined_part(self.source, value, part, scope)
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
            raise failed(self.source, error, scope) from error
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
            raise failed(self.source, error, scope) from error


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

    __slots__ = ("_names", "fields", "pairs", "reads")

    def __init__(self, fields: dict[str, Template]) -> None:
        self.fields = fields
        self.pairs = tuple(fields.items())
        self.reads = _union(fields.values())
        plain = [(name, field.name) for name, field in self.pairs if isinstance(field, Name)]
        self._names = (
            plain if len(plain) == len(fields) else None
        )  # most inputs are variables and nothing else

    def render(self, scope: Scope) -> Any:
        """Return the mapping."""
        if self._names is not None:
            try:
                return {name: scope[variable] for name, variable in self._names}
            except KeyError:
                pass  # told below, by the field that lacks it
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
            value = self._evaluate(scope)
            return value if value is True or value is False else truth(value)
        except (MissingValue, UndefinedError):
            return False
        except Exception as error:
            raise failed(self.source, error, scope) from error


def _union(templates: Iterable[Template]) -> frozenset[str]:
    return frozenset().union(*(template.reads for template in templates))
