"""Names of tools, of variables, and of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab.errors import near_misses

from .policies import END
from .templates import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .models import Faults


def name_of(function: Callable[..., Any]) -> str:
    """Return the name a function has as a tool."""
    named = getattr(function, "__pforge_tool__", None)
    if named is not None:
        return str(named.name)
    inner = getattr(function, "func", function)  # a functools.partial is named for its function
    return str(getattr(inner, "__name__", type(function).__name__))


def check_variable(name: str) -> None:
    """Refuse names that templates cannot read.

    Raises
    ------
    ValueError
        The name is no identifier, is private, or is a word of the language.
    """
    if not name.isidentifier() or name.startswith("__"):
        raise ValueError(f"{name!r} is no name of a variable; use letters, digits and '_'")
    if name in RESERVED:
        raise ValueError(f"{name!r} is a word of templates; use another name")


def label_steps(steps: Iterable[Any], faults: Faults, at: str) -> tuple[str, ...]:
    """Return the unique label of each step; repeated default labels get ``#2``."""
    labels: list[str] = []
    explicit: dict[str, int] = {}
    listed = list(steps)
    for i, step in enumerate(listed):
        if step is not None and step.label is not None:
            if step.label in explicit:
                faults.add(
                    f"the label {step.label!r} is taken by step {explicit[step.label] + 1}; choose another",
                    f"{at}.{i}.label",
                )
            explicit.setdefault(step.label, i)
    counts: dict[str, int] = dict.fromkeys(explicit, 1)
    for step in listed:
        if step is None:
            continue
        if step.label is not None:
            labels.append(step.label)
            continue
        name = step.tool_name
        counts[name] = counts.get(name, 0) + 1
        labels.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return tuple(labels)


def check_goto(steps: Sequence[Any], labels: tuple[str, ...], faults: Faults, at: str) -> None:
    """Note each transition to a label that does not exist."""
    if None in steps:  # the label may be that of a step that cannot be read
        return
    for i, step in enumerate(steps):
        for k, way in enumerate(step.next or []):
            if way.goto not in labels and way.goto != END:
                faults.add(
                    f"no step {way.goto!r}{near_misses(way.goto, [*labels, END])}",
                    f"{at}.{i}.next.{k}.goto",
                )
