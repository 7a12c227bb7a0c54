"""Advancing a run by one record: a step and its record land together or not at all."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.errors import RunError, SpecError
from pforge_lab.pipeline.outcome import highest_child
from pforge_lab.pipeline.spoilt import spoilt
from pforge_lab.runs.dropping import carried_on, dead_after_steps
from pforge_lab.runs.editing import Editing
from pforge_lab.runs.failing import failure
from pforge_lab.runs.keeping import Keeper
from pforge_lab.runs.looks import Looks, settled
from pforge_lab.runs.performance import fingerprint, perform, record_of
from pforge_lab.runs.stopping import Stopper
from pforge_lab.runs.tracing import trace_file, tracing
from pforge_lab.runs.undeclared import noting, tell
from pforge_lab.runs.watching import Watchers
from pforge_lab.state import StateManager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pforge_lab.errors import StepError
    from pforge_lab.pipeline.engine import Planned
    from pforge_lab.pipeline.outcome import Outcome
    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.performance import Performance
    from pforge_lab.runs.records import StepRecord, VariableSize
    from pforge_lab.runs.scope import Scope
    from pforge_lab.runs.timeline import Timeline

_NO_LOOKS = Looks()
_NOBODY: frozenset[str] = frozenset()


class Stepping(Editing):
    """Executes steps of a run and keeps what they did.

    Parameters
    ----------
    run
        The run's id, for messages.
    pipeline
        What is executed.
    state
        The run's store, for tools that ask for a state manager.
    timeline, scope
        Where the run stands, and its live variables.
    drop_unused
        Drop variables once no later step reads them, and give their memory back.
    left_out
        Tools whose function could not be kept with the run, with the reason.
    """

    def __init__(
        self,
        run: str,
        pipeline: Pipeline,
        state: StateManager,
        timeline: Timeline,
        scope: Scope,
        *,
        drop_unused: bool,
        left_out: Mapping[str, str],
    ) -> None:
        self._drop_unused = drop_unused
        self._left_out = left_out
        self._run = run
        self.stop = Stopper()
        self.watchers = Watchers()
        self._pipeline = pipeline
        self._resources: Mapping[type, object] = {StateManager: state}
        self._timeline = timeline
        self._scope = scope
        self._keeper = Keeper(timeline, scope, self.watchers)

    def adopt(self, pipeline: Pipeline) -> None:
        """Execute another pipeline's steps from now on; what is known of the one before is forgotten."""
        self._pipeline = pipeline
        for known in ("kept", "_dead", "_bound", "_planned"):
            self.__dict__.pop(known, None)

    @cached_property
    def kept(self) -> frozenset[str]:
        """Variables that are kept, read or not, because the next run under the same ``carry`` starts with them."""
        if self._timeline.head.carry is None:
            return frozenset()
        return carried_on(self._pipeline, self._timeline.manifest(0).names)

    @cached_property
    def _dead(self) -> tuple[frozenset[str], ...]:
        return dead_after_steps(self._pipeline, self.kept)

    @cached_property
    def _planned(self) -> tuple[Planned, ...]:
        from pforge_lab.pipeline.engine import plan_of  # noqa: PLC0415 - a kernel that records cells executes no step

        return plan_of(self._pipeline).steps

    @cached_property
    def _bound(self) -> int:
        return self._pipeline.most_steps

    @cached_property
    def _looks(self) -> Looks:
        return Looks.of(self._timeline.journal.definition()["memory"])

    def one(self, *, last: bool, looks: Looks = _NO_LOOKS, verify: bool = False) -> StepRecord:
        """Execute the next step.

        Parameters
        ----------
        last
            The caller advances no further after it.
        looks
            Deeper looks at memory beside those of the run.
        verify
            Examine all variables, as all steps of a run that verifies do.

        Raises
        ------
        StepError
            The tool failed under fail_fast; the variables are as before the step.
        RunError
            There is no next step, or the line has as many as the pipeline's ``max_steps`` allows.
        """
        index = self._timeline.next_step()
        if index is None:
            raise RunError(
                f"run {self._run} is done; go back with run.back(), or start another run", run=self._run
            )
        if self._timeline.position >= self._bound:
            self._check_bound()
        looks, verify = self._looks if looks is _NO_LOOKS else looks | self._looks, verify or self._verify
        closed = self._scope.is_closed
        if not closed:
            self.note_edits(verify=verify)
        self._keeper.exact = looks.exact
        if self.watchers.present:
            self.watchers("started", self._pipeline.labels[index])
        try:
            done = self._looking(index, looks) if looks.trace or looks.settle else self._perform(index)
        except BaseException:  # an interrupt: the step did not happen
            self._scope.reload()
            self._timeline.interrupt()
            raise
        error = done.outcome.error
        if error is not None:
            self._scope.reload()
            if self._pipeline.steps[index].error_policy != "continue":
                record = self._maker(done, index)()
                self._timeline.log_failure(record)
                raise self._failure(record, error) from error
            closed = False
        return self._keep(done, index, last=last, verify=verify, closed=closed)

    def live_sizes(self) -> dict[str, VariableSize]:
        """Return sizes of the live variables, as far as they are loaded."""
        return self._keeper.live_sizes()

    def check_stopped(self) -> None:
        """Raise what an interrupt raises when somebody asked to stop between two steps."""
        if self.stop.asked:
            self._timeline.interrupt()
            raise KeyboardInterrupt

    def _check_bound(self) -> None:
        """Refuse a step beyond ``max_steps``; a pipeline without a loop may always end."""
        bound = self._bound
        taken = sum(record.status != "edited" for record in self._timeline.history)
        if taken >= bound:
            raise RunError(
                f"run {self._run} took {taken} steps, as many as max_steps of {self._pipeline.name!r} allows; "
                "go back and let its loop end, or raise max_steps and start again",
                run=self._run,
            )

    def _looking(self, index: int, looks: Looks) -> Performance:
        """Perform a step with deeper looks at memory."""
        if looks.trace:
            trace = trace_file(self._run, self._timeline.position + 1)
            with tracing(trace):
                done = self._looking(index, replace(looks, trace=False))
            return replace(done, memory=done.memory._replace(trace=str(trace)))
        if not looks.settle:
            return self._perform(index)
        meter.return_freed_memory()
        done = self._perform(index)
        return replace(done, memory=settled(done.memory))

    def _perform(self, index: int) -> Performance:
        stop = None if self.stop.by_signal else self.stop.begin()
        try:
            done = perform(
                self._planned[index],
                self._scope.readable(self._pipeline.labels[index]),
                resources=self._resources,
                before_retry=partial(self._as_before, index),
                stop=stop,
            )
            if stop is not None and stop.event.is_set() and done.outcome.error is not None:
                raise KeyboardInterrupt  # the error is that of being stopped
        finally:
            if stop is not None:
                self.stop.end()
        child_peak = highest_child(done.outcome)
        return (
            done if child_peak is None else replace(done, memory=done.memory._replace(child_peak=child_peak))
        )

    def _maker(self, done: Performance, index: int) -> Callable[..., StepRecord]:
        """Return what makes the record of a performance."""
        code, position = fingerprint(self._pipeline, index), self._timeline.position + 1
        return partial(record_of, self._planned[index], index + 1, done, position, code)

    def _keep(self, done: Performance, index: int, *, last: bool, verify: bool, closed: bool) -> StepRecord:
        """Accept a step's record with what it wrote, without what it leaves dead.

        ``closed`` tells that no variable can be changed in place.
        """
        outcome = done.outcome
        dead = self._dead[index] if self._drop_unused else _NOBODY
        touched, reach, examine = _NOBODY, set[str](), set(outcome.variables)
        if verify or not closed:
            touched, reach, examine = self._may_change(index, outcome, verify=verify)
        values = self._scope.values()
        dropped = not dead.isdisjoint(values)
        if outcome.children and (lost := spoilt(self._pipeline.steps[index], outcome)):
            examine |= lost
            values |= self._scope.as_before(lost)
        values |= outcome.variables
        if dead:
            examine.update(dead.intersection(values))
            values = {name: value for name, value in values.items() if name not in dead}
        make = self._maker(done, index)
        if verify:
            make = noting(make, touched.union(reach, outcome.variables, dead), self._scope.manifest)
        record = self._keeper.accept(
            make,
            values,
            last=last,
            examine=examine,
            output=outcome.output if self._planned[index].output_var is None else None,
            seconds=outcome.seconds,
        )
        if outcome.abandoned and outcome.children:
            self._scope.reload()  # what a thread that goes on holds is no variable's any more
        if dropped:
            meter.return_freed_memory()
        if record.undeclared:
            tell(self._run, record)
        return record

    def _may_change(
        self, index: int, outcome: Outcome, *, verify: bool
    ) -> tuple[frozenset[str], set[str], set[str]]:
        """Return what a step names, what of it can be changed in place, and all that may be other than before."""
        touched = self._touches(index) if outcome.status == "done" else _NOBODY
        reach = self._scope.within_reach(touched)
        return touched, reach, self._scope.suspects(everywhere=verify).union(reach, outcome.variables)

    def _touches(self, index: int) -> frozenset[str]:
        """Return the variables that a step may change: its inputs in place, and what it writes."""
        return self._pipeline.reads(index) | self._pipeline.writes(index)

    def _as_before(self, index: int) -> Mapping[str, Any]:
        """Return the variables as they were before the step, for another attempt."""
        self._scope.reload()
        return self._scope.readable(self._pipeline.labels[index])

    def _failure(self, record: StepRecord, error: BaseException) -> StepError:
        """Return the error that says why a step failed, where, and what is as before: all but what no snapshot could keep."""
        read = self._pipeline.reads((record.step or 1) - 1)
        stay = read & self._scope.manifest.not_kept.keys() & self._scope.loaded().keys()
        lost = self._left_out.get(record.tool) if isinstance(error, SpecError) else None
        return failure(record, error, run=self._run, position=self._timeline.position, lost=lost, stay=stay)
