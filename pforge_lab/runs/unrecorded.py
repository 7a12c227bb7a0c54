"""Executing a pipeline in this process and keeping nothing but what it gives back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.errors import RunError, one_line
from pforge_lab.pipeline.before import Before
from pforge_lab.pipeline.calls import Execution
from pforge_lab.pipeline.engine import plan_of
from pforge_lab.pipeline.spoilt import spoilt
from pforge_lab.runs.dropping import dead_after_steps
from pforge_lab.runs.failing import culprit, step_error
from pforge_lab.runs.output import PipelineOutput, StepResult
from pforge_lab.runs.performance import Shown
from pforge_lab.runs.variables import Variables
from pforge_lab.state import StateManager
from pforge_lab.state.memory import MemoryStateManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pforge_lab.pipeline.outcome import Outcome
    from pforge_lab.pipeline.spec import Pipeline


def run_unrecorded(
    pipeline: Pipeline,
    inputs: Mapping[str, Any] | None = None,
    *,
    state: StateManager | None = None,
    drop_unused: bool | None = None,
) -> PipelineOutput:
    """Execute a pipeline as plain function calls: no run, no records, no meter, no snapshots.

    Conditions, retries, timeouts, error policies and transitions work as in a run, and ``stream`` shows
    the lines of commands. A step that is
    retried, or may fail under ``continue``, leaves its inputs as they were: those are copied before
    it. Costs some microseconds a step.

    Parameters
    ----------
    pipeline, inputs
        What to execute, and the values of its params.
    state
        For tools that ask for a state manager; by default one in memory.
    drop_unused
        Drop variables once no later step reads them, and give their memory back; by default as the
        pipeline's ``memory`` says.

    Returns
    -------
    PipelineOutput
        Its results hold the outputs themselves, and so keep them in memory.

    Raises
    ------
    ParamError
        A parameter is missing, unknown or wrong; all faults at once.
    StepError
        A step failed under ``fail_fast``. Nothing is kept of what was done before it.
    RunError
        A loop took as many steps as ``max_steps`` allows.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def double(x: int): return 2 * x
    >>> output = run_unrecorded(pf.Pipeline.from_functions("p", double), {"x": 21})
    >>> output.variables["double"], output.results[0].output
    (42, 42)
    """
    scope = pipeline.check_params(inputs)
    results: list[StepResult] = []
    dropping = pipeline.memory.drop_unused if drop_unused is None else drop_unused
    for place, outcome in executed(pipeline, scope, state, drop_unused=dropping):
        if outcome.status != "skipped":
            error = None if outcome.error is None else one_line(outcome.error)
            load = partial(_itself, outcome.output)
            results.append(StepResult(pipeline.steps[place].tool_name, error is None, error, load))
    return PipelineOutput(tuple(results), Variables(scope, "at the end"))


def _itself(output: Any) -> Any:
    return output


def executed(
    pipeline: Pipeline,
    scope: dict[str, Any],
    state: StateManager | None = None,
    *,
    drop_unused: bool = False,
) -> Iterator[tuple[int, Outcome]]:
    """Execute all steps on ``scope``, which they change, and yield the place and the outcome of each.

    Parameters and errors as `run_unrecorded`.
    """
    store = MemoryStateManager() if state is None else state
    around = Execution({StateManager: store}, Shown())
    steps, most = plan_of(pipeline).steps, pipeline.most_steps
    dead = dead_after_steps(pipeline) if drop_unused else ()
    place = taken = 0
    while place < len(steps):
        if taken == most:
            raise RunError(f"{pipeline.name!r} took {taken} steps; raise max_steps, or let its loop end")
        planned, how, before = steps[place], around, None
        if planned.may_repeat:
            before = Before(scope, pipeline.reads(place))
            how = replace(around, before_retry=before.scope)
        outcome = planned.execute(scope, how)
        if outcome.error is not None:
            if not planned.tolerant:
                _fail(pipeline, place, outcome.error)
            if before is not None:
                scope.update(before.scope())
        elif before is not None and (lost := spoilt(pipeline.steps[place], outcome)):
            scope.update(before.scope(lost))
        scope.update(outcome.variables)
        if dead and not dead[place].isdisjoint(scope):
            for name in dead[place]:
                scope.pop(name, None)
            meter.return_freed_memory()
        yield place, outcome
        taken += 1
        place = place + 1 if outcome.next_step is None else outcome.next_step


def _fail(pipeline: Pipeline, place: int, error: BaseException) -> None:
    label, where = pipeline.labels[place], culprit(error)
    message = (
        f"step {place + 1} {label!r} failed: {one_line(error)}"
        + (f" (in {where})" if where else "")
        + "; nothing was recorded: mend it and run the pipeline again"
    )
    raise step_error(
        message, error, step=place + 1, label=label, tool=pipeline.steps[place].tool_name
    ) from error
