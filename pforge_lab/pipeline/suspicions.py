"""What looks wrong in a data flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.errors import near_misses

from .liveness import writes
from .settled import demanded
from .steps import AnyStep, Parallel, Step
from .templates import compile_condition, compile_value

if TYPE_CHECKING:
    from .reaching import Known, Reaching


def of_step(flow: Reaching, place: int, unread: frozenset[str]) -> list[str]:
    """Return what looks wrong with a step; what is wrong with its parts is theirs."""
    step, known = flow.pipeline.steps[place], flow.known[place]
    if place not in flow.steps:
        return ["can never run: no step leads to it"]
    never = _never_holds(flow, step, known)
    if never:
        return [never]
    if isinstance(step, Parallel):
        return []
    demands = demanded(step.compiled_input if step.foreach is None else compile_value(step.foreach))
    return [*_too_early(flow, demands, known), *_unread(flow, place, step, unread)]


def of_part(flow: Reaching, place: int, part: Step, unread: frozenset[str]) -> list[str]:
    """Return what looks wrong with one of the steps of a block."""
    known = flow.known[place]
    if place not in flow.steps:
        return []
    never = _never_holds(flow, part, known)
    if never:
        return [never]
    demands = demanded(part.compiled_input if part.foreach is None else compile_value(part.foreach))
    return [*_too_early(flow, demands, known), *_unread(flow, place, part, unread)]


def of_element(flow: Reaching, place: int, step: Step) -> list[str]:
    """Return what looks wrong with the call for each element of a loop."""
    if place not in flow.steps:
        return []
    return _too_early(flow, demanded(step.compiled_input) - {step.as_}, flow.known[place])


def _unread(flow: Reaching, place: int, step: AnyStep, unread: frozenset[str]) -> list[str]:
    if place == len(flow.pipeline.steps) - 1:
        return []
    return [f"{name!r} is never read: a result, or not needed" for name in sorted(writes(step) & unread)]


def _too_early(flow: Reaching, names: frozenset[str], known: Known) -> list[str]:
    told = []
    for name in sorted(names - known.keys()):
        writer = _writer(flow, name)
        if writer is not None:
            given = "" if flow.pipeline.declares_params else ", unless it is given at the start"
            told.append(f"reads {name!r} before it can exist{given}: {writer!r} writes it later")
        elif flow.pipeline.declares_params:
            told.append(f"reads {name!r}, which nothing writes{near_misses(name, known)}")
    return told


def _writer(flow: Reaching, name: str) -> str | None:
    pipeline = flow.pipeline
    writers = zip(pipeline.labels, pipeline.steps, strict=True)
    return next((label for label, step in writers if name in writes(step)), None)


def _never_holds(flow: Reaching, step: AnyStep, known: Known) -> str | None:
    """Return why the condition of a step never holds, or None where it may."""
    condition = step.condition
    if condition is None or flow.holds(condition, known, carried=False) is not False:
        return None
    names = sorted(compile_condition(condition).reads - known.keys()) if flow.pipeline.declares_params else []
    if flow.holds(condition, known) is not False:
        later = ", ".join(f"{name!r}, which {_writer(flow, name)!r} writes later" for name in names
                          if name in flow.carried)  # fmt: skip
        return f"its condition {condition!r} holds only in runs that carry {later}"
    if not names:
        return f"can never run: its condition {condition!r} never holds"
    missing = ", ".join(map(repr, names))
    near = near_misses(names[0], known) if len(names) == 1 else ""
    return f"can never run: its condition {condition!r} never holds, as nothing writes {missing} before{near}"
