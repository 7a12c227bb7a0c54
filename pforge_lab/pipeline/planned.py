"""A step, compiled: what all forms of steps have in common, and the one that calls its tool once."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

from pforge_lab import meter
from pforge_lab.errors import Fault, ParamError, TemplateError

from .calls import Call
from .models import describe
from .outcome import Outcome
from .retrying import with_retries
from .templates import compile_value

if TYPE_CHECKING:
    from .calls import Execution, Tool
    from .outcome import ChildOutcome
    from .steps import AnyStep, Step
    from .templates import Condition, Scope
    from .tools import ToolBox

_NO_INPUT: Final = compile_value({})


Ways = tuple[tuple["Condition | None", int], ...]
"""Transitions: where to go when a condition holds."""


class Planned:
    """A step, compiled: what all forms of steps have in common."""

    def __init__(self, step: AnyStep, label: str, ways: Ways) -> None:
        self.label = label
        self.tool = step.tool_name
        self.output_var: str | None = getattr(step, "output_var", None)  # blocks have none of their own
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
                return replace(outcome, next_step=self._next(_after(scope, outcome)))
        except Exception as error:  # noqa: BLE001 -- told in the outcome; the run decides
            return self.failed(error, started)
        return outcome

    def execute_part(self, scope: Scope, around: Execution) -> Outcome:
        """Execute the step as a part of another one, whose scope of the meter is open in this context."""
        if not around.metered:
            return self.execute(scope, around)
        started, part = datetime.now(UTC), meter.enter()
        try:
            outcome = self.execute(scope, around)
        finally:
            reading = meter.exit(part)
        return replace(outcome, memory=reading, started=started)

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


def _after(scope: Scope, outcome: Outcome) -> Scope:
    """Return the variables with those that the step has written."""
    return ChainMap(cast("dict[str, Any]", outcome.variables), cast("dict[str, Any]", scope))


def _within(label: str, field: str | None) -> str:
    return f"step {label!r}" + (f": {field}" if field else "")


class Single(Planned):
    """A step that calls its tool once."""

    def __init__(self, step: Step, label: str, ways: Ways, box: ToolBox) -> None:
        super().__init__(step, label, ways)
        self.template = _NO_INPUT if step.input is None else step.compiled_input
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
            failed = self.failed(error, started, state.calls, state.children)
            return replace(failed, abandoned=True) if state.abandoned else failed
        return Outcome(
            "done",
            output,
            None,
            state.calls,
            perf_counter() - started,
            {} if self.output_var is None else {self.output_var: output},
            state.children,
            state.abandoned,
            child_peak=state.child_peak,
        )

    def _again(self, tool: Tool, scope: Scope, around: Execution, state: _Attempts, number: int) -> Any:
        if number > 1 and around.before_retry is not None:
            scope = around.before_retry()
        return self._attempt(tool, scope, around, state, number)

    def _attempt(self, tool: Tool, scope: Scope, around: Execution, state: _Attempts, number: int) -> Any:
        arguments = self.template.render(scope)
        if type(arguments) is not dict and not isinstance(arguments, Mapping):
            raise ParamError.of(
                [Fault(f"the input must be a mapping of arguments, not {describe(arguments)}")]
            )
        limit = self.timeout if self.timeout is not None else tool.timeout
        if around.deadline is not None:
            left = max(around.deadline - monotonic(), 0.0)
            limit = left if limit is None else min(limit, left)
        attempts = self.retry or tool.retry
        last = attempts is None or number >= attempts.attempts
        call = Call(self.label, limit, around.resources, around.listener, around.stop, last, around.metered)
        state.calls = number
        if around.listener is not None:
            around.listener.attempt_started(self.label, number)
        try:
            return tool.call(arguments, call)
        except Exception as error:
            state.abandoned = state.abandoned or bool(getattr(error, "abandoned", False))
            if around.listener is not None:
                around.listener.attempt_failed(self.label, number, error)
            raise
        finally:
            if call.children:
                state.children = tuple(call.children)
            state.child_peak = call.child_peak
            state.abandoned = state.abandoned or call.abandoned


@dataclass(slots=True)
class _Attempts:
    """What the attempts of one step have come to so far."""

    calls: int = 0
    children: tuple[ChildOutcome, ...] = ()
    child_peak: int | None = None
    abandoned: bool = False
