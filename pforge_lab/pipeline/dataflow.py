"""Who reads and writes what."""

from __future__ import annotations

from .steps import AnyStep, Parallel
from .templates import compile_condition, compile_value


def reads(step: AnyStep) -> frozenset[str]:
    """Return the names that a step reads, in its input, condition, loop and transitions."""
    names: set[str] = set()
    if step.condition is not None:
        names |= compile_condition(step.condition).reads
    if isinstance(step, Parallel):
        names |= frozenset().union(*(reads(child) for child in step.parallel))
    else:
        inner = set(step.compiled_input.reads)
        if step.foreach is not None:
            names |= compile_value(step.foreach).reads
            inner -= {step.as_}
        names |= inner
    written = writes(step)
    for way in step.next or ():
        if way.if_ is not None:
            names |= compile_condition(way.if_).reads - written
    return frozenset(names)


def writes(step: AnyStep) -> frozenset[str]:
    """Return the names that a step may write."""
    if isinstance(step, Parallel):
        return frozenset().union(*(writes(child) for child in step.parallel))
    return frozenset({step.output_var} if step.output_var else ())
