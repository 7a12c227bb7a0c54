"""``NAME=EXPR``: a Python expression in a notebook, a JSON literal in a shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pforge_lab.cli.options import from_notebook
from pforge_lab.errors import UsageError

if TYPE_CHECKING:
    from pforge_lab.cli.session import Session


def assignment(session: Session, text: str) -> tuple[str, Any]:
    """Return name and value.

    In a notebook the expression sees the notebook's variables and those of the run; it is code
    that the user typed into a cell, like any other.

    Raises
    ------
    UsageError
        The text is no ``NAME=EXPR``, or the expression cannot be evaluated.
    """
    name, equals, expression = text.partition("=")
    name = name.strip()
    if not equals or not name.isidentifier():
        raise UsageError(f"expected NAME=EXPR, not {text!r}")
    expression = expression.strip()
    if session.namespace is None:
        return name, _literal(expression)
    if expression.startswith("$"):
        return name, from_notebook(session, expression[1:])
    return name, _evaluated(session, name, expression)


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if text.isidentifier():  # a bare word is a string: nobody quotes twice in a shell gladly
            return text
        raise UsageError(f"{text!r} is no JSON literal; a string takes quotes: '\"{text}\"'") from None


def _evaluated(session: Session, name: str, expression: str) -> Any:
    scope = dict(session.namespace or {})
    if session.run is not None:
        scope |= dict(session.run.variables.present())
    try:
        return eval(expression, scope)  # noqa: S307 - the user's own code, typed into the user's own cell
    except Exception as error:
        raise UsageError(f"cannot set {name} to {expression}: {type(error).__name__}: {error}") from error
