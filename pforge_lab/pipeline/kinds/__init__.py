"""The kinds of tools, one a module, and the door through which further kinds come.

A package adds a kind with an entry point of the group ``pforge_lab.tool_kinds``: its name is the
``type`` in files, its object a subclass of `Definition` whose ``tool(box)`` returns a `Tool`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final

from pforge_lab.errors import Fault, SpecError

if TYPE_CHECKING:
    from .definition import Definition

GROUP: Final = "pforge_lab.tool_kinds"

_OURS: Final = {
    "native": "native:NativeDefinition",
    "cli": "cli:CliDefinition",
    "http": "http:HttpDefinition",
    "pipeline": "nested:PipelineDefinition",
}


@cache
def kinds() -> dict[str, type[Definition]]:
    """Return the definitions of all kinds of tools by the ``type`` that names them.

    Raises
    ------
    SpecError
        A package offers a kind that is none, or one that exists already.
    """
    ours = [EntryPoint(name, f"{__name__}.{where}", GROUP) for name, where in _OURS.items()]
    found: dict[str, type[Definition]] = {}
    for point in (*ours, *entry_points(group=GROUP)):
        kind = _loaded(point)
        if found.setdefault(point.name, kind) is not kind:
            raise SpecError.of(
                [Fault(f"the kind of tool {point.name!r} of {point.value!r} exists already; rename it")]
            )
    return found


def _loaded(point: EntryPoint) -> type[Definition]:
    from .definition import Definition  # noqa: PLC0415 - definitions are made of this package

    kind = point.load()
    if not (
        isinstance(kind, type) and issubclass(kind, Definition) and callable(getattr(kind, "tool", None))
    ):
        raise SpecError.of(
            [
                Fault(
                    f"the kind of tool {point.name!r}: {point.value!r} is no Definition with a method 'tool'"
                )
            ],
        )
    return kind
