"""Which variables steps read and write, and how long each is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .policies import END
from .steps import AnyStep, Parallel
from .templates import compile_condition, compile_value

if TYPE_CHECKING:
    from .spec import Pipeline


def reads(step: AnyStep) -> frozenset[str]:
    """Return the names that a step reads, in its input, condition, loop and transitions."""
    names = _needs(step)
    if step.condition is not None:
        names |= compile_condition(step.condition).reads
    if isinstance(step, Parallel):
        names |= frozenset().union(*(reads(child) for child in step.parallel))
    written = writes(step)
    for way in step.next or ():
        if way.if_ is not None:
            names |= compile_condition(way.if_).reads - written
    return names


def _needs(step: AnyStep) -> frozenset[str]:
    """Return the names without which a step fails: those of its input and its loop."""
    if isinstance(step, Parallel):
        return frozenset().union(*(_needs(child) for child in step.parallel))
    if step.foreach is None:
        return step.compiled_input.reads
    return compile_value(step.foreach).reads | (step.compiled_input.reads - {step.as_})


def writes(step: AnyStep) -> frozenset[str]:
    """Return the names that a step may write."""
    if isinstance(step, Parallel):
        return frozenset().union(*(writes(child) for child in step.parallel))
    return frozenset({step.output_var} if step.output_var else ())


def successors(pipeline: Pipeline) -> tuple[tuple[int, ...], ...]:
    """Return for each step the steps that may follow it; the number of steps stands for the end."""
    end = len(pipeline.steps)
    followers: list[tuple[int, ...]] = []
    for i, step in enumerate(pipeline.steps):
        targets = [end if way.goto == END and END not in pipeline.labels else pipeline.labels.index(way.goto)
                   for way in step.next or ()]  # fmt: skip
        certain = any(way.if_ is None for way in step.next or ()) and step.condition is None
        followers.append(tuple(dict.fromkeys([*targets, *([] if certain else [i + 1])])))
    return tuple(followers)


def live_after(pipeline: Pipeline) -> tuple[frozenset[str], ...]:
    """Return for each step the names that a later step may still read.

    A store that may not happen (a condition, ``continue``) keeps the value before it alive; loops
    are followed until nothing changes.

    Examples
    --------
    >>> from pforge_lab.pipeline.spec import Pipeline
    >>> def a(x): ...
    >>> def b(a): ...
    >>> [sorted(names) for names in live_after(Pipeline.from_functions("p", a, b))]
    [['a'], []]
    """
    followers = successors(pipeline)
    before: list[frozenset[str]] = [frozenset()] * (len(pipeline.steps) + 1)
    after: list[frozenset[str]] = [frozenset()] * len(pipeline.steps)
    changed = True
    while changed:
        changed = False
        for i in reversed(range(len(pipeline.steps))):
            step = pipeline.steps[i]
            after[i] = frozenset().union(*(before[k] for k in followers[i]))
            needed = reads(step) | (after[i] - surely_written(step))
            changed = changed or needed != before[i]
            before[i] = needed
    return tuple(after)


def surely_written(step: AnyStep) -> frozenset[str]:
    """Return the names that a step has written whenever it was taken and the pipeline goes on."""
    if step.condition is not None or step.error_policy == "continue":
        return frozenset()
    if isinstance(step, Parallel):
        return frozenset().union(*(surely_written(child) for child in step.parallel))
    return writes(step)
