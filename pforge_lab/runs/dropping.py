"""Which variables a step leaves dead, for runs that drop what no later step reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.pipeline.spec import Pipeline


def dead_after_steps(pipeline: Pipeline, keep: Collection[str] = ()) -> tuple[frozenset[str], ...]:
    """Return for each step the names of variables that no later step reads and that are no results.

    A variable that no step reads after its last write is a result and is never dead; nor are those
    in ``keep`` and in the pipeline's ``keep``. Reads count whether or not a step's condition will
    hold, and a write that may be skipped does not end the life of the value before it. In a
    pipeline with ``next`` any step may follow any other, so nothing is dead; nor is anything after
    the last step, where dropping would help nobody.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def raw(n: int): return list(range(n))
    >>> def tidy(raw): return raw[1:]
    >>> def total(tidy): return sum(tidy)
    >>> pipeline = pf.Pipeline.from_functions("sum", raw, tidy, total)
    >>> [sorted(names) for names in dead_after_steps(pipeline)]
    [['n'], ['n', 'raw'], []]
    """
    count = len(pipeline.steps)
    if any(step.next for step in pipeline.steps):
        return (frozenset(),) * count
    kept = {*keep, *pipeline.keep}
    last_write = {name: i for i in range(count) for name in pipeline.writes(i)}
    last_read = {name: i for i in range(count) for name in pipeline.reads(i)}
    dies = {name: i for name, i in last_read.items() if i > last_write.get(name, -1) and name not in kept}
    dead = [frozenset(name for name, died in dies.items() if died <= i) for i in range(count)]
    return (*dead[:-1], *[frozenset[str]()] * (count > 0))


def carried_on(pipeline: Pipeline, start: Collection[str]) -> frozenset[str]:
    """Return what a run under a ``carry`` name keeps: the next run may start with it.

    Those are the variables it started with itself, and all that a step may read before the
    pipeline has surely written it.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> steps = [pf.Step("count", input={"n": "{{ n }}"}, output_var="n", condition="n"),
    ...          pf.Step("show", input={"n": "{{ n }}"}, output_var="text"),
    ...          pf.Step("send", input={"text": "{{ text }}"})]
    >>> sorted(carried_on(pf.Pipeline.from_dict({"name": "counting", "steps": steps}), ()))
    ['n']
    """
    names, written = set(start), set[str]()
    for i, step in enumerate(pipeline.steps):
        names |= pipeline.reads(i) - written
        if step.condition is None and step.error_policy == "fail_fast" and step.tool_name != "parallel":
            written |= pipeline.writes(i)
    return frozenset(names)
