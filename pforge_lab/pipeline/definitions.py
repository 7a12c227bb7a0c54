"""The tools that a file declares: reading them, and which of them a pipeline needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pforge_lab.errors import Fault, SpecError, near_misses

from .kinds import kinds
from .kinds.definition import Definition
from .models import Faults, describe, read


def read_tools(data: Any) -> dict[str, Definition]:
    """Return the declared tools by name.

    Raises
    ------
    SpecError
        With all faults of all tools, and every name that is used twice.
    """
    if isinstance(data, (Mapping, str)) or not isinstance(data, Iterable):
        raise SpecError.of([Fault(f"must be a list of tools, not {describe(data)}")])
    faults = Faults()
    tools: dict[str, Definition] = {}
    for i, item in enumerate(data):
        with faults.collect(str(i)):
            definition = read_tool(item)
            if definition.name in tools:
                raise SpecError.of(
                    [Fault(f"a tool {definition.name!r} exists already; choose another name", field="name")]
                )
            tools[definition.name] = definition
    faults.raise_if_any()
    return tools


def read_tool(data: Any) -> Definition:
    """Return one declared tool, of the kind its ``type`` names."""
    if isinstance(data, Definition):
        return data
    if not isinstance(data, Mapping):
        raise SpecError.of([Fault(f"must be a mapping with 'type' and 'name', not {describe(data)}")])
    known = kinds()
    kind = data.get("type")
    if kind is None:
        raise SpecError.of(
            [Fault(f"the field 'type' is missing; it is one of {', '.join(map(repr, known))}")]
        )
    if not isinstance(kind, str) or kind not in known:
        raise SpecError.of(
            [Fault(f"unknown kind of tool {kind!r}{near_misses(str(kind), known)}", field="type")]
        )
    return read(known[kind], data)


def declared(data: Any) -> list[str]:
    """Return the names of the tools that are declared, whether they can be read or not."""
    names = [item.get("name") for item in data if isinstance(item, Mapping)] if isinstance(data, list) else []
    return [name for name in names if isinstance(name, str)]


def plain_definition(definition: Definition) -> dict[str, Any]:
    """Return a declared tool as plain data."""
    return definition.plain()


def used(steps: Iterable[Any]) -> list[str]:
    """Return the names of the tools that steps call, blocks included."""
    return [part.tool_name for step in steps for part in getattr(step, "parallel", (step,))]


def reachable(tools: Mapping[str, Definition], steps: Iterable[Any]) -> dict[str, Definition]:
    """Return those of the tools that the steps call, directly or through nested pipelines."""
    wanted: set[str] = set()
    pending = used(steps)
    while pending:
        name = pending.pop()
        if name in wanted or name not in tools:
            continue
        wanted.add(name)
        pending += used(getattr(tools[name], "steps", ()))
    return {name: tool for name, tool in tools.items() if name in wanted}


def cycle(tools: Mapping[str, Definition], steps: Iterable[Any]) -> list[str]:
    """Return the names along which pipelines call each other in a circle, or an empty list."""
    calls = {name: used(getattr(tool, "steps", ())) for name, tool in reachable(tools, steps).items()}
    try:
        TopologicalSorter(calls).prepare()
    except CycleError as error:
        return [str(name) for name in reversed(error.args[1])]
    return []
