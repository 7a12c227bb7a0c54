"""What changed in objects of classes, by their attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab.values.classes import attributes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

    from pforge_lab.runs.inside.kinds import Part
    from pforge_lab.runs.inside.look import Inside


def objects(_look: Inside, before: object, after: object) -> Iterator[Part]:
    """Tell which attributes were added or removed, and what changed in the others."""
    return held(before, after)


def held(before: object, after: object) -> Iterator[Part]:
    """Yield the attributes of two objects, of which containers of classes of their own may have some too."""
    old, new = attributes(before), attributes(after)
    for name in new:
        if name not in old:
            yield "", f"+ .{name}"
    for name in old:
        if name not in new:
            yield "", f"- .{name}"
    for name in new:
        if name in old:
            yield f".{name}", old[name], new[name]


def errors(_look: Inside, before: BaseException, after: BaseException) -> Iterator[Part]:
    """Tell what an error was made with, and its attributes."""
    yield ".args", before.args, after.args
    yield from held(before, after)


def functions(_look: Inside, before: FunctionType, after: FunctionType) -> Iterator[Part]:
    """Tell whether the code differs, and what defaults and variables around it became."""
    if before.__code__ != after.__code__:
        yield "", "its code differs"
    yield ".__defaults__", before.__defaults__, after.__defaults__
    yield ".__kwdefaults__", before.__kwdefaults__, after.__kwdefaults__
    old, new = _around(before), _around(after)
    for name in new:
        if name in old:
            yield f" with {name}", old[name], new[name]
    yield from held(before, after)


def _around(function: FunctionType) -> dict[str, Any]:
    """Return the variables of enclosing functions that are bound."""
    pairs = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    found = {}
    for name, cell in pairs:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # it is not bound yet
            continue
    return found
