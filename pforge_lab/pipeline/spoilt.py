"""What parts of a block that failed may have spoilt, although the block goes on without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .liveness import reads
from .steps import Parallel

if TYPE_CHECKING:
    from .outcome import Outcome
    from .steps import AnyStep


def spoilt(step: AnyStep, outcome: Outcome) -> frozenset[str]:
    """Return the variables that parts which failed have read: they are to be as they were before the block.

    Those that a part which was done has read too as well: how far each had come with them when the
    other one failed would depend on timing.

    Examples
    --------
    >>> from pforge_lab.pipeline.outcome import ChildOutcome, Outcome
    >>> from pforge_lab.pipeline.steps import Step
    >>> def one(a, b): ...
    >>> def two(b, c): ...
    >>> block = Parallel(Step(one, input={"a": "{{ a }}", "b": "{{ b }}"}), Step(two, input={"b": "{{ b }}", "c": "{{ c }}"}))
    >>> parts = ChildOutcome("one", "one", "failed", 0.1, 1), ChildOutcome("two", "two", "done", 0.1, 1)
    >>> sorted(spoilt(block, Outcome("done", children=parts)))
    ['a', 'b']
    """
    if not isinstance(step, Parallel) or outcome.status != "done":
        return frozenset()
    parts = zip(step.parallel, outcome.children, strict=True)
    read = (reads(part) for part, child in parts if child.status == "failed")
    return frozenset[str]().union(*read) - outcome.variables.keys()
