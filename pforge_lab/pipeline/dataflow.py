"""Who reads and writes what: for every step, found from its templates, condition, loop and transitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pforge_lab.errors import near_misses

from .lookup import MISSING
from .policies import END
from .steps import AnyStep, Parallel
from .templates import compile_condition, compile_value, path_of

if TYPE_CHECKING:
    import pandas as pd

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
            needed = reads(step) | (after[i] - _surely_written(step))
            changed = changed or needed != before[i]
            before[i] = needed
    return tuple(after)


def _surely_written(step: AnyStep) -> frozenset[str]:
    if step.condition is not None or step.error_policy == "continue":
        return frozenset()
    if isinstance(step, Parallel):
        return frozenset().union(*(_surely_written(child) for child in step.parallel))
    return writes(step)


@dataclass(frozen=True, slots=True)
class StepFlow:
    """The data flow of one step.

    Attributes
    ----------
    step
        Place in the pipeline, from 1; 0 for the params.
    reads
        Names with the labels of the steps that may have written them; ``params`` for params.
    writes
        Names that it may write.
    last_reader_of
        Names that no later step reads.
    warnings
        What looks wrong.
    """

    step: int
    label: str
    tool: str
    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    last_reader_of: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def flows(pipeline: Pipeline) -> tuple[StepFlow, ...]:
    """Return the data flow of the params and of all steps."""
    reachable, writers = _writers(pipeline)
    live = live_after(pipeline)
    read = frozenset().union(*(reads(step) for step in pipeline.steps))
    params = tuple(pipeline.params) if pipeline.declares_params else tuple(_given(pipeline, writers))
    unread = [f"param {name!r} is never read" for name in params if name not in read]
    rows = [StepFlow(0, "params", "", {}, params, (), tuple(unread))]
    for i, step in enumerate(pipeline.steps):
        sources = {name: writers[i].get(name, ()) for name in sorted(reads(step))}
        rows.append(
            StepFlow(
                i + 1,
                pipeline.labels[i],
                step.tool_name,
                sources,
                tuple(sorted(writes(step))),
                tuple(sorted(reads(step) - live[i] - writes(step))),
                tuple(_warnings(pipeline, i, read, writers[i], runs=i in reachable)),
            ),
        )
    return tuple(rows)


def _given(pipeline: Pipeline, writers: list[dict[str, tuple[str, ...]]]) -> list[str]:
    """Return the names that callers may give where no params are declared."""
    return sorted(
        {name for i, step in enumerate(pipeline.steps) for name in reads(step) if name not in writers[i]}
    )


def _writers(pipeline: Pipeline) -> tuple[set[int], list[dict[str, tuple[str, ...]]]]:
    """Return the steps that can run, and for each step who may have written what before it."""
    followers = successors(pipeline)
    start: dict[str, tuple[str, ...]] = dict.fromkeys(pipeline.params, ("params",))
    known: list[dict[str, tuple[str, ...]]] = [{} for _ in range(len(pipeline.steps) + 1)]
    reachable: set[int] = set()
    pending: list[tuple[int, dict[str, tuple[str, ...]]]] = [(0, start)]
    while pending:
        i, arriving = pending.pop()
        merged = _merged(known[i], arriving)
        if i in reachable and merged == known[i]:
            continue
        known[i] = merged
        if i == len(pipeline.steps):
            continue
        reachable.add(i)
        step = pipeline.steps[i]
        leaving = dict(merged)
        for name in writes(step):
            kept = () if name in _surely_written(step) else merged.get(name, ())
            leaving[name] = (*kept, *(() if pipeline.labels[i] in kept else (pipeline.labels[i],)))
        pending += [(k, leaving) for k in followers[i]]
    return reachable, known


def _merged(one: dict[str, tuple[str, ...]], other: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(dict.fromkeys([*one.get(name, ()), *other.get(name, ())]))
        for name in dict.fromkeys([*one, *other])
    }


def _warnings(
    pipeline: Pipeline, index: int, read: frozenset[str], known: dict[str, tuple[str, ...]], *, runs: bool
) -> list[str]:
    step = pipeline.steps[index]
    if not runs:
        return ["can never run: no step leads to it"]
    never = _never_holds(pipeline, step, known)
    if never is not None:
        return [f"can never run: {never}"]
    told = [_too_early(pipeline, name, known) for name in sorted(_needs(step)) if name not in known]
    if index < len(pipeline.steps) - 1:
        told += [
            f"{name!r} is never read: a result, or not needed"
            for name in sorted(writes(step))
            if name not in read and name not in pipeline.keep
        ]
    return [text for text in told if text]


def _too_early(pipeline: Pipeline, name: str, known: dict[str, tuple[str, ...]]) -> str:
    later = [
        label for label, step in zip(pipeline.labels, pipeline.steps, strict=True) if name in writes(step)
    ]
    if later:
        return f"reads {name!r} before it can exist: {later[0]!r} writes it later"
    if not pipeline.declares_params:
        return ""
    return f"reads {name!r}, which nothing writes{near_misses(name, known)}"


def _never_holds(pipeline: Pipeline, step: AnyStep, known: dict[str, tuple[str, ...]]) -> str | None:
    if step.condition is None:
        return None
    condition = compile_condition(step.condition)
    if not condition.reads:
        return None if condition.test({}) else f"its condition {step.condition!r} never holds"
    name = path_of(step.condition)
    if name is not None and pipeline.declares_params and known.get(name, MISSING) is MISSING:
        return f"its condition needs {name!r}, which nothing writes before{near_misses(name, known)}"
    return None


def dataflow(pipeline: Pipeline) -> pd.DataFrame:
    """Return the data flow as a table: one row for the params and one for each step.

    Returns
    -------
    DataFrame
        ``step label tool reads writes last_reader_of warnings``; ``reads`` says for each name
        which steps may have written it.
    """
    import pandas as pd  # noqa: PLC0415 -- loaded for tables

    rows = [
        {
            "step": row.step,
            "label": row.label,
            "tool": row.tool,
            "reads": ", ".join(f"{name} <- {' | '.join(by) or '?'}" for name, by in row.reads.items()),
            "writes": ", ".join(row.writes),
            "last_reader_of": ", ".join(row.last_reader_of),
            "warnings": "; ".join(row.warnings),
        }
        for row in flows(pipeline)
    ]
    return pd.DataFrame(
        rows, columns=["step", "label", "tool", "reads", "writes", "last_reader_of", "warnings"]
    )
