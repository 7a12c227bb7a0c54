"""Execute one step: condition, input, call, retry, timeout -> outcome.

A pipeline is compiled once into a `Plan`; executing a trivial step costs a few microseconds.
Nothing here records: the caller gets an `Outcome`, and a `Listener` hears what happens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final

from pforge_lab.errors import Fault, ParamError, StepTimeout, TemplateError

from .calls import Call, Cancelled, Stop, Tool
from .models import Faults, describe
from .outcome import ChildOutcome, Listener, Outcome
from .parts import execute_parts
from .retrying import with_retries
from .steps import END, AnyStep, Parallel, Step, label_steps
from .templates import Condition, Scope, compile_condition, compile_value

if TYPE_CHECKING:
    from .spec import Pipeline
    from .tools import ToolBox

_NOTHING: Final[Mapping[type, object]] = {}
_NO_INPUT: Final = compile_value({})


@dataclass(frozen=True, slots=True)
class Execution:
    """What surrounds one execution of a step.

    Attributes
    ----------
    resources
        Values for parameters annotated with these types.
    before_retry
        Gives the scope for a further attempt, its variables as they were before the step.
    stop
        Stops the step from another thread, or None when nothing runs beside it.
    deadline
        Moment (of the monotonic clock) at which an enclosing step's time is over.
    """

    resources: Mapping[type, object] = field(default_factory=dict)
    listener: Listener | None = None
    before_retry: Callable[[], Scope] | None = None
    stop: Stop | None = None
    deadline: float | None = None


_PLAIN: Final = Execution()


def execute(
    pipeline: Pipeline, step_index: int, scope: Mapping[str, object], *, resources: Mapping[type, object] = _NOTHING,
    listener: Listener | None = None, before_retry: Callable[[], Mapping[str, object]] | None = None,
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
    if resources or listener is not None or before_retry is not None:
        around = Execution(resources, listener, before_retry)
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


Ways = tuple[tuple[Condition | None, int], ...]


class Planned:
    """A step, compiled: what all forms of steps have in common."""

    def __init__(self, step: AnyStep, label: str, ways: Ways) -> None:
        self.label = label
        self.tool = step.tool_name
        self.condition = step.compiled_condition
        self.tolerant = step.error_policy == "continue"
        self.ways = ways

    def execute(self, scope: Scope, around: Execution) -> Outcome:
        """Execute the step; its errors are in the outcome."""
        started = perf_counter()
        try:
            if self.condition is not None and not self.condition.test(scope):
                return Outcome("skipped", seconds=perf_counter() - started)
            outcome = self.act(scope, around, started)
            if self.ways and (outcome.status == "done" or self.tolerant):
                return replace(outcome, next_step=self._next({**scope, **outcome.variables}))
        except Exception as error:  # noqa: BLE001 -- told in the outcome; the run decides
            return self.failed(error, started)
        return outcome

    def act(self, scope: Scope, around: Execution, started: float) -> Outcome:
        """Do what the step is for."""
        raise NotImplementedError

    @property
    def may_repeat(self) -> bool:
        """Whether the step's inputs are needed as they were after it has failed."""
        return self.tolerant

    def failed(
        self, error: Exception, started: float, attempts: int = 0, children: tuple[ChildOutcome, ...] = ()
    ) -> Outcome:
        """Return the outcome of an error."""
        return Outcome(
            "failed",
            error=self._told(error),
            attempts=attempts,
            seconds=perf_counter() - started,
            children=children,
            abandoned=bool(getattr(error, "abandoned", False)),
        )

    def _told(self, error: Exception) -> Exception:
        """Return the error with the step in its message, where it is one of ours that does not know the step."""
        if isinstance(error, TemplateError) and error.step is None:
            facts = {**error.__dict__, "step": self.label}
            return TemplateError(f"step {self.label!r}: {error}", **facts).with_traceback(error.__traceback__)
        if isinstance(error, ParamError):
            told = ParamError.of(
                [replace(fault, field=_within(self.label, fault.field)) for fault in error.faults]
            )
            return told.with_traceback(error.__traceback__)
        return error

    def _next(self, scope: Scope) -> int | None:
        for condition, target in self.ways:
            if condition is None or condition.test(scope):
                return target
        return None


def _within(label: str, field: str | None) -> str:
    return f"step {label!r}" + (f": {field}" if field else "")


class Single(Planned):
    """A step that calls its tool once."""

    def __init__(self, step: Step, label: str, ways: Ways, box: ToolBox) -> None:
        super().__init__(step, label, ways)
        self.template = _NO_INPUT if step.input is None else step.compiled_input
        self.output_var = step.output_var
        self.retry = step.retry
        self.timeout = None if step.timeout_ms is None else step.timeout_ms / 1000
        self.box = box

    @property
    def may_repeat(self) -> bool:
        """Whether the step's inputs are needed as they were after it has failed."""
        return self.tolerant or self.retry is not None or self.box.find(self.tool).retry is not None

    def act(self, scope: Scope, around: Execution, started: float) -> Outcome:
        """Call the tool, again if it may be."""
        tool = self.box.find(self.tool)
        retry = self.retry or tool.retry
        state = _Attempts()
        try:
            if retry is None:
                output = self._attempt(tool, scope, around, state, 1)
            else:
                again = partial(self._again, tool, scope, around, state)
                output = with_retries(again, retry, around.stop)
        except Exception as error:  # noqa: BLE001 -- told in the outcome; the run decides
            return self.failed(error, started, state.calls, state.children)
        return Outcome(
            "done",
            output,
            None,
            state.calls,
            perf_counter() - started,
            {} if self.output_var is None else {self.output_var: output},
            state.children,
            child_peak=state.child_peak,
        )

    def _again(self, tool: Tool, scope: Scope, around: Execution, state: _Attempts, number: int) -> Any:
        if number > 1 and around.before_retry is not None:
            scope = around.before_retry()
        return self._attempt(tool, scope, around, state, number)

    def _attempt(self, tool: Tool, scope: Scope, around: Execution, state: _Attempts, number: int) -> Any:
        arguments = self.template.render(scope)
        if not isinstance(arguments, Mapping):
            raise ParamError.of(
                [Fault(f"the input must be a mapping of arguments, not {describe(arguments)}")]
            )
        limit = self.timeout if self.timeout is not None else tool.timeout
        if around.deadline is not None:
            left = max(around.deadline - monotonic(), 0.0)
            limit = left if limit is None else min(limit, left)
        attempts = self.retry or tool.retry
        last = attempts is None or number >= attempts.attempts
        call = Call(self.label, limit, around.resources, around.listener, around.stop, last)
        state.calls = number
        if around.listener is not None:
            around.listener.attempt_started(self.label, number)
        try:
            return tool.call(arguments, call)
        except Exception as error:
            if around.listener is not None:
                around.listener.attempt_failed(self.label, number, error)
            raise
        finally:
            if call.children:
                state.children = tuple(call.children)
            state.child_peak = call.child_peak


@dataclass(slots=True)
class _Attempts:
    """What the attempts of one step have come to so far."""

    calls: int = 0
    children: tuple[ChildOutcome, ...] = ()
    child_peak: int | None = None


class Loop(Planned):
    """A step that calls its tool once for each element of a list."""

    def __init__(self, step: Step, label: str, ways: Ways, box: ToolBox) -> None:
        super().__init__(step, label, ways)
        self.values = compile_value(step.foreach)
        self.variable = step.as_
        self.at_once = step.max_parallel or 1
        self.output_var = step.output_var
        self.single = Single(step.model_copy(update={"condition": None, "output_var": None}), label, (), box)

    def act(self, scope: Scope, around: Execution, started: float) -> Outcome:
        """Call the tool for each element; the output is the list of outputs."""
        values = _elements(self.values.render(scope), self.label)
        outer, stop = around.stop, Stop()
        around = replace(around, stop=stop, before_retry=_one_at_a_time(around.before_retry))

        def element(i: int) -> Outcome:
            outcome = self.single.execute(
                {**scope, self.variable: values[i]},
                replace(around, before_retry=self._restored(around.before_retry, i)),
            )
            if outcome.status == "failed" and not self.tolerant:
                stop()
            return outcome

        with stop.within(outer):
            outcomes = execute_parts([partial(element, i) for i in range(len(values))], self.at_once, stop)
        children = tuple(
            _child(f"{self.label}[{i}]", self.tool, outcome) for i, outcome in enumerate(outcomes)
        )
        error = _error_of(outcomes, tolerant=self.tolerant)
        if error is not None:
            return self.failed(error, started, 1, children)
        outputs = [None if outcome is None else outcome.output for outcome in outcomes]
        written = {} if self.output_var is None else {self.output_var: outputs}
        return Outcome(
            "done", outputs, None, 1, perf_counter() - started, written, children, _abandoned(outcomes)
        )

    @property
    def may_repeat(self) -> bool:
        """Whether the step's inputs are needed as they were after it has failed."""
        return self.tolerant or self.single.may_repeat

    def _restored(self, before_retry: Callable[[], Scope] | None, index: int) -> Callable[[], Scope] | None:
        """Return what gives the scope for a further attempt at one element."""
        if before_retry is None:
            return None

        def restored() -> Scope:
            scope = before_retry()
            return {**scope, self.variable: _elements(self.values.render(scope), self.label)[index]}

        return restored


class Block(Planned):
    """Independent steps side by side."""

    def __init__(self, step: Parallel, label: str, ways: Ways, children: tuple[Planned, ...]) -> None:
        super().__init__(step, label, ways)
        self.children = children
        self.at_once = step.max_parallel or len(children)

    @property
    def may_repeat(self) -> bool:
        """Whether the step's inputs are needed as they were after it has failed."""
        return self.tolerant or any(child.may_repeat for child in self.children)

    def act(self, scope: Scope, around: Execution, started: float) -> Outcome:
        """Execute the steps; what they write becomes visible together, in their order."""
        outer, stop = around.stop, Stop()
        around = replace(around, stop=stop, before_retry=_one_at_a_time(around.before_retry))

        def execute_child(child: Planned) -> Outcome:
            outcome = child.execute(scope, around)
            if outcome.status == "failed" and not self.tolerant and not child.tolerant:
                stop()
            return outcome

        parts = [partial(execute_child, child) for child in self.children]
        with stop.within(outer):
            outcomes = execute_parts(parts, self.at_once, stop)
        children = tuple(
            _child(c.label, c.tool, outcome) for c, outcome in zip(self.children, outcomes, strict=True)
        )
        strict = [o for c, o in zip(self.children, outcomes, strict=True) if not c.tolerant]
        error = _error_of(strict, tolerant=self.tolerant)
        if error is not None:
            return self.failed(error, started, 1, children)
        done = {c.label: o for c, o in zip(self.children, outcomes, strict=True) if o is not None}
        output = {label: outcome.output for label, outcome in done.items()}
        written = {name: value for outcome in done.values() for name, value in outcome.variables.items()}
        return Outcome(
            "done", output, None, 1, perf_counter() - started, written, children, _abandoned(outcomes)
        )


def _one_at_a_time(before_retry: Callable[[], Scope] | None) -> Callable[[], Scope] | None:
    """Return the same for several threads."""
    if before_retry is None:
        return None
    lock = threading.Lock()

    def restored() -> Scope:
        with lock:
            return before_retry()

    return restored


def _elements(values: Any, label: str) -> list[Any]:
    if (
        isinstance(values, str | bytes | Mapping)
        or hasattr(values, "columns")
        or not isinstance(values, Iterable)
    ):
        raise ParamError.of([Fault(f"foreach needs a list, not {describe(values)}", field=label)])
    return list(values)


def _child(label: str, tool: str, outcome: Outcome | None) -> ChildOutcome:
    if outcome is None or isinstance(outcome.error, Cancelled):
        return ChildOutcome(label, tool, "skipped", 0.0 if outcome is None else outcome.seconds, 0)
    return ChildOutcome(
        label, tool, outcome.status, outcome.seconds, outcome.attempts, outcome.error, outcome.children
    )


def _error_of(outcomes: list[Outcome | None], *, tolerant: bool) -> Exception | None:
    """Return the error that parts come to: the first in their order; under ``continue`` only if none succeeded."""
    failed = [o.error for o in outcomes if o is not None and isinstance(o.error, Exception)]
    failed = [error for error in failed if not isinstance(error, Cancelled)]
    if not failed or (tolerant and any(o is not None and o.status == "done" for o in outcomes)):
        return None
    return failed[0]


def _abandoned(outcomes: list[Outcome | None]) -> bool:
    return any(outcome is not None and outcome.abandoned for outcome in outcomes)


__all__ = ["ChildOutcome", "Execution", "Listener", "Outcome", "Plan", "StepTimeout", "execute", "plan_of"]
