"""What parts of a block that failed may have spoilt, although the block goes on without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.pipeline.liveness import reads
from pforge_lab.pipeline.steps import Parallel

if TYPE_CHECKING:
    from pforge_lab.pipeline.outcome import Outcome
    from pforge_lab.pipeline.steps import AnyStep


def spoilt(step: AnyStep, outcome: Outcome) -> frozenset[str]:
    """Return the variables that only parts which failed have read: they are to be as they were before the block.

    What a part that was done has read too may be as that one has made it.

    Examples
    --------
    >>> from pforge_lab.pipeline.outcome import ChildOutcome, Outcome
    >>> from pforge_lab.pipeline.steps import Step
    >>> def one(a, b): ...
    >>> def two(b): ...
    >>> block = Parallel(Step(one, input={"a": "{{ a }}", "b": "{{ b }}"}), Step(two, input={"b": "{{ b }}"}))
    >>> parts = ChildOutcome("one", "one", "failed", 0.1, 1), ChildOutcome("two", "two", "done", 0.1, 1)
    >>> sorted(spoilt(block, Outcome("done", children=parts)))
    ['a']
    """
    if not isinstance(step, Parallel) or outcome.status != "done":
        return frozenset()
    names: dict[str, set[str]] = {"done": set(), "failed": set(), "skipped": set()}
    for part, child in zip(step.parallel, outcome.children, strict=True):
        names[child.status] |= reads(part)
    return frozenset(names["failed"] - names["done"] - outcome.variables.keys())
