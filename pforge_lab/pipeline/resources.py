"""Types whose values a run hands to tools that annotate a parameter with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

_types: list[type] = []


def register(kind: type) -> type:
    """Declare that runs hand out a value of this type; returns the type, so it also decorates.

    A parameter annotated with it is no param of the tool: the run gives it its value.

    Examples
    --------
    >>> class Clock: ...
    >>> register(Clock) is Clock, is_resource(Clock | None)
    (True, True)
    """
    if kind not in _types:
        _types.append(kind)
    return kind


def is_resource(annotation: object) -> bool:
    """Return whether a parameter annotated like this is given its value by the run."""
    return find(annotation, _types) is not None


def find(annotation: object, kinds: list[type] | Mapping[type, object]) -> type | None:
    """Return the kind that an annotation asks for: the type itself, a subclass, or a union with it."""
    for part in get_args(annotation) or (annotation,):
        if isinstance(part, type):
            for kind in kinds:
                if issubclass(part, kind):
                    return kind
    return None
