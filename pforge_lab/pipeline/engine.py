"""Execute one step: condition, input, call, retry, timeout -> outcome.

A pipeline is compiled once into a `Plan`; executing a trivial step costs a few microseconds.
Nothing here records: the caller gets an `Outcome`, and a `Listener` hears what happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .calls import Execution
from .loops import Block, Loop
from .models import Faults
from .names import label_steps
from .outcome import ChildOutcome, Listener, Outcome
from .planned import Planned, Single
from .policies import END
from .steps import Parallel
from .templates import compile_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .calls import Stop
    from .spec import Pipeline
    from .steps import AnyStep
    from .tools import ToolBox

__all__ = ["ChildOutcome", "Listener", "Outcome", "Plan", "Planned", "execute", "plan_of"]

_NOTHING: Final[Mapping[type, object]] = {}
_PLAIN: Final = Execution()


def execute(
    pipeline: Pipeline, step_index: int, scope: Mapping[str, object], *, resources: Mapping[type, object] = _NOTHING,
    listener: Listener | None = None, before_retry: Callable[[], Mapping[str, object]] | None = None,
    metered: bool = False, stop: Stop | None = None,
) -> Outcome:  # fmt: skip
    """Execute one step of a pipeline.

    Parameters
    ----------
    pipeline
        The pipeline.
    step_index
        Place of the step, from 0.
    scope
        The variables; not changed. What the step writes is in the outcome.
    resources
        Values handed to parameters that are annotated with these types.
    listener
        Is told of attempts and of lines of output.
    before_retry
        Called before each further attempt; gives the scope to use for it.
    metered
        Measure the memory of each part of a nested, parallel or foreach step, 10 µs each; the step
        itself is measured by the caller.
    stop
        Ends the step from another thread.

    Returns
    -------
    Outcome
        Also for errors: nothing that a tool raises is raised here, except what ends programs
        (``KeyboardInterrupt``, ``SystemExit``).

    Examples
    --------
    >>> from pforge_lab.pipeline.spec import Pipeline
    >>> from pforge_lab.pipeline.steps import Step
    >>> def double(x): return 2 * x
    >>> pipeline = Pipeline("demo", steps=[Step(double, input={"x": "{{ x }}"}, output_var="twice")])
    >>> outcome = execute(pipeline, 0, {"x": 21})
    >>> outcome.status, outcome.variables
    ('done', {'twice': 42})
    """
    around = _PLAIN
    if resources or listener is not None or before_retry is not None or metered or stop is not None:
        around = Execution(resources, listener, before_retry, stop, metered=metered)
    return plan_of(pipeline).steps[step_index].execute(scope, around)


@dataclass(frozen=True, slots=True)
class Plan:
    """A pipeline, compiled."""

    steps: tuple[Planned, ...]


def plan_of(pipeline: Pipeline) -> Plan:
    """Return the compiled pipeline; compiled once."""
    if pipeline._plan is None:  # noqa: SLF001 -- the plan is kept with its pipeline
        pipeline._plan = Plan(  # noqa: SLF001 -- the plan is kept with its pipeline
            tuple(
                _planned(step, label, pipeline.labels, pipeline._box)  # noqa: SLF001 -- as above
                for step, label in zip(pipeline.steps, pipeline.labels, strict=True)
            ),
        )
    return pipeline._plan  # noqa: SLF001 -- as above


def _planned(step: AnyStep, label: str, labels: tuple[str, ...], box: ToolBox) -> Planned:
    ways = tuple(
        (None if way.if_ is None else compile_condition(way.if_), _target(way.goto, labels))
        for way in step.next or ()
    )
    if isinstance(step, Parallel):
        children = zip(step.parallel, label_steps(step.parallel, Faults(), ""), strict=True)
        return Block(step, label, ways, tuple(_planned(child, name, (), box) for child, name in children))
    return Loop(step, label, ways, box) if step.foreach is not None else Single(step, label, ways, box)


def _target(goto: str, labels: tuple[str, ...]) -> int:
    return len(labels) if goto == END and END not in labels else labels.index(goto)
