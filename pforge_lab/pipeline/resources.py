"""Types whose values a run hands to tools that annotate a parameter with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping


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
        isinstance(part, type) and getattr(part, "__handed_out_by_runs__", False)
        for part in get_args(annotation) or (annotation,)
    )


def find(annotation: object, kinds: Mapping[type, object]) -> type | None:
    """Return the kind that an annotation asks for: the type itself, a subclass, or a union with it."""
    for part in get_args(annotation) or (annotation,):
        if isinstance(part, type):
            for kind in kinds:
                if issubclass(part, kind):
                    return kind
    return None
