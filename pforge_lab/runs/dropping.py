"""Which variables a step leaves dead, for runs that drop what no later step reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.pipeline.spec import Pipeline


def dead_after(pipeline: Pipeline, index: int, keep: Collection[str] = ()) -> frozenset[str]:
    """Return the names of variables that no step after ``index`` reads and that are no results.

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
    >>> sorted(dead_after(pipeline, 1)), sorted(dead_after(pipeline, 2))
    (['n', 'raw'], [])
    """
    steps = range(len(pipeline.steps))
    if index == steps[-1] or any(getattr(step, "next", None) for step in pipeline.steps):
        return frozenset()
    reads = [pipeline.reads(i) for i in steps]
    last_write = {name: i for i in steps for name in pipeline.writes(i)}
    later = frozenset().union(*reads[index + 1 :])
    used = {
        name
        for name in frozenset().union(*reads[: index + 1])
        if last_write.get(name, -1) <= index
        and any(name in reads[i] for i in range(last_write.get(name, -1) + 1, index + 1))
    }
    return frozenset(used - later - set(keep) - set(pipeline.keep))
