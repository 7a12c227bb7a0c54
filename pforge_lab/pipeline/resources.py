"""Types whose values a run hands to tools that annotate a parameter with them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, ForwardRef, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES: Final = frozenset({"StateManager"})
"""Names of such types, for annotations that only type checkers can resolve."""

_AROUND: Final = {"Optional", "Union", "Annotated"}


def is_resource(annotation: object) -> bool:
    """Return whether a parameter annotated like this is given its value by the run.

    It is where the type says so, by ``__handed_out_by_runs__``: such a parameter is no param of the tool.

    Examples
    --------
    >>> class Clock:
    ...     __handed_out_by_runs__ = True
    >>> is_resource(Clock), is_resource(Clock | None), is_resource(int)
    (True, True, False)
    """
    return any(
        names_resource(part.__forward_arg__)
        if isinstance(part, ForwardRef)
        else isinstance(part, type) and getattr(part, "__handed_out_by_runs__", False)
        for part in get_args(annotation) or (annotation,)
    )


def names_resource(text: str) -> bool:
    """Return whether an annotation that cannot be resolved names what runs hand out.

    Examples
    --------
    >>> names_resource("pf.StateManager"), names_resource("Optional[StateManager]"), names_resource("list[StateManager]")
    (True, True, False)
    """
    return not NAMES.isdisjoint(_classes(text))


def find(annotation: object, kinds: Mapping[type, object]) -> type | None:
    """Return the kind that an annotation asks for: the type itself, a subclass, or a union with it."""
    for part in get_args(annotation) or (annotation,):
        for kind in kinds:
            if isinstance(part, ForwardRef):
                if kind.__name__ in _classes(part.__forward_arg__):
                    return kind
            elif isinstance(part, type) and issubclass(part, kind):
                return kind
    return None


def _classes(text: str) -> list[str]:
    """Return the names of the classes that the text of an annotation is one of."""
    try:
        return list(_named(ast.parse(text, mode="eval").body))
    except SyntaxError:
        return []


def _named(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Constant(value=str(text)):
            yield from _classes(text)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _named(left)
            yield from _named(right)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner) if (
            name in _AROUND
        ):
            for part in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
                yield from _named(part)
