"""The Jinja2 environments of templates and of conditions, closed to everything but data and filters."""

from __future__ import annotations

import operator
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as DEFAULT_TESTS
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from .filters import FILTERS, defined
from .lookup import MISSING, MissingValue, lookup
from .truth import truth

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BITS: Final = 4096
_NEVER: Final = "\x00"  # a delimiter that no document contains: templates have no blocks and no comments
_SAFE_TESTS: Final = [
    "boolean",
    "defined",
    "divisibleby",
    "eq",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "true",
    "undefined",
    "upper",
]


class _Strict(StrictUndefined):
    """An undefined value that remembers where it was looked for."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: Any = None
    ) -> None:
        super().__init__(
            hint, obj, name, cast("Any", partial(MissingValue, obj, name)) if exc is None else exc
        )


class _Absent(Undefined):
    """An undefined value of a condition: false, equal to nothing, and so is all that is made from it."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: Any = None
    ) -> None:
        super().__init__(
            hint, obj, name, cast("Any", partial(MissingValue, obj, name)) if exc is None else exc
        )

    def _itself(self, *_operands: Any) -> _Absent:
        return self

    def _false(self, _other: object) -> bool:
        return False

    def __getattr__(self, name: str) -> _Absent:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _itself  # type: ignore[assignment]  # the base class raises here
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _itself  # type: ignore[assignment]  # the base class raises here
    __pow__ = __rpow__ = __neg__ = __pos__ = _itself  # type: ignore[assignment]  # the base class raises here
    __lt__ = __le__ = __gt__ = __ge__ = _false  # type: ignore[assignment]  # the base class raises here


class _NotOperator(Extension):
    """Reads pforge's ``!name`` as ``not name``."""

    _expression = re.compile(r"\{\{(?:[^\"'}]|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\}(?!\}))*\}\}")

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Translate inside expressions only."""
        del name, filename
        return self._expression.sub(lambda found: negations(found.group()), source)


_NEGATION: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|!(?!=)")


def negations(expression: str) -> str:
    """Return the expression with each ``!`` outside of quotes as ``not``.

    Examples
    --------
    >>> negations("!ready and name != 'a!'")
    "not ready and name != 'a!'"
    """
    return _NEGATION.sub(lambda found: "not " if found.group() == "!" else found.group(), expression)


class _Generator(CodeGenerator):
    """Compiles ``and or not if`` with our truth table; operands are evaluated once and returned as they are."""

    _operands = 0

    def _operand(self) -> str:
        self._operands += 1
        return f"operand_{self._operands}"

    def _choice(self, node: nodes.BinExpr, frame: Frame, word: str) -> None:
        name = self._operand()
        self.write("(")
        if word == "and":
            self.visit(node.right, frame)
            self.write(" if environment.truth((")
        else:
            self.write(f"{name} if environment.truth((")
        self.write(f"{name} := ")
        self.visit(node.left, frame)
        self.write(f")) else {name})" if word == "and" else ")) else ")
        if word == "or":
            self.visit(node.right, frame)
            self.write(")")

    def visit_And(self, node: nodes.BinExpr, frame: Frame) -> None:  # noqa: N802 - the name is Jinja's
        self._choice(node, frame, "and")

    def visit_Or(self, node: nodes.BinExpr, frame: Frame) -> None:  # noqa: N802 - the name is Jinja's
        self._choice(node, frame, "or")

    def visit_Not(self, node: nodes.UnaryExpr, frame: Frame) -> None:  # noqa: N802 - the name is Jinja's
        self.write("(not environment.truth(")
        self.visit(node.node, frame)
        self.write("))")

    def visit_CondExpr(self, node: nodes.CondExpr, frame: Frame) -> None:  # noqa: N802 -- the name is Jinja's
        self.write("(")
        self.visit(node.expr1, frame)
        self.write(" if environment.truth(")
        self.visit(node.test, frame)
        self.write(") else ")
        self.visit(node.expr2 or nodes.Const(None), frame)
        self.write(")")


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox over our lookup, filters and truth table, without calls, blocks and globals."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"*", "**", "%"})
    truth = staticmethod(truth)

    def __init__(self, undefined: type[Undefined]) -> None:
        super().__init__(
            block_start_string=_NEVER + "{%",
            block_end_string="%}" + _NEVER,
            comment_start_string=_NEVER + "{#",
            comment_end_string="#}" + _NEVER,
            undefined=undefined,
            keep_trailing_newline=True,
            autoescape=False,
            optimized=False,
            extensions=[_NotOperator],
            cache_size=0,
        )
        self.globals.clear()
        self.filters = dict(FILTERS)
        self.filters["__defined"] = defined
        self.tests = {name: DEFAULT_TESTS[name] for name in _SAFE_TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a part of a value, as plain paths do."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a part of a value, as plain paths do."""
        if isinstance(obj, _Absent):
            return obj
        if isinstance(obj, Undefined):
            return obj[argument]
        found = lookup(obj, argument)
        return self.undefined(obj=obj, name=argument) if found is MISSING else found

    def call_binop(self, context: Any, operator_: str, left: Any, right: Any) -> Any:
        """Evaluate an operator that could make something huge of something small."""
        del context
        if operator_ == "**":
            return power(left, right)
        if operator_ == "%" and isinstance(left, str | bytes):
            raise ValueError("'%' on text is not supported; use the join or replace filter")
        if operator_ == "*" and any(isinstance(value, str | bytes | list | tuple) for value in (left, right)):
            raise ValueError("'*' repeats neither text nor lists in templates")
        function: Callable[[Any, Any], Any] = operator.mul if operator_ == "*" else operator.mod
        return function(left, right)


def power(base: Any, exponent: Any) -> Any:
    """Return ``base ** exponent`` unless it is an integer beyond `MAX_BITS`."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MAX_BITS:
        raise ValueError(f"the result of '**' would have more than {MAX_BITS} bits")
    return base**exponent


class Contained(NodeTransformer):
    """Makes undefined names inside list and mapping literals the error that they are elsewhere."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """Wrap the values of literals."""
        node = super().generic_visit(node, *args, **kwargs)
        if isinstance(node, nodes.List | nodes.Tuple):
            node.items = [_wrapped(item) for item in node.items]
        if isinstance(node, nodes.Pair):
            node.value = _wrapped(node.value)
        return node


def _wrapped(node: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(
        node, "__defined", [], [], None, None, lineno=node.lineno, environment=node.environment
    )


TEMPLATES: Final = Environment(_Strict)
CONDITIONS: Final = Environment(_Absent)
