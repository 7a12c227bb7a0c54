"""Steps with parts: one for each element of a list, or several side by side."""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from pforge_lab.errors import Fault, ParamError

from .calls import Cancelled, Stop
from .models import describe
from .outcome import ChildOutcome, Outcome
from .parts import execute_parts
from .planned import Planned, Single
from .templates import compile_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calls import Execution
    from .planned import Ways
    from .steps import Parallel, Step
    from .templates import Scope
    from .tools import ToolBox


class Loop(Planned):
    """A step that calls its tool once for each element of a list."""

    def __init__(self, step: Step, label: str, ways: Ways, box: ToolBox) -> None:
        super().__init__(step, label, ways)
        self.values = compile_value(step.foreach)
        self.variable = step.as_
        self.at_once = step.max_parallel or 1
        self.single = Single(step.model_copy(update={"condition": None, "output_var": None}), label, (), box)

    def act(self, scope: Scope, around: Execution, started: float) -> Outcome:
        """Call the tool for each element; the output is the list of outputs."""
        values = _elements(self.values.render(scope), self.label)
        outer, stop = around.stop, Stop()
        around = replace(around, stop=stop, before_retry=_one_at_a_time(around.before_retry))

        def element(i: int) -> Outcome:
            outcome = self.single.execute_part(
                self._with(scope, values[i]),
                replace(around, before_retry=self._restored(around.before_retry, i)),
            )
            if outcome.status == "failed" and not self.tolerant:
                stop()
            return outcome

        with stop.within(outer):
            parts = [partial(element, i) for i in range(len(values))]
            outcomes = execute_parts(parts, self.at_once, stop, lambda _: _left(self.tool))
        _check_whole(outcomes, outer)
        children = tuple(
            _child(f"{self.label}[{i}]", self.tool, outcome) for i, outcome in enumerate(outcomes)
        )
        error = _error_of(outcomes, tolerant=self.tolerant)
        if error is not None:
            return replace(self.failed(error, started, 1, children), abandoned=_abandoned(outcomes))
        outputs = [None if outcome is None else outcome.output for outcome in outcomes]
        written = {} if self.output_var is None else {self.output_var: outputs}
        return Outcome(
            "done", outputs, None, 1, perf_counter() - started, written, children, _abandoned(outcomes)
        )

    @property
    def may_repeat(self) -> bool:
        """Whether the step's inputs are needed as they were after it has failed."""
        return self.tolerant or self.single.may_repeat

    def _with(self, scope: Scope, value: Any) -> Scope:
        """Return the scope of one element; the variables beneath are looked up, not copied."""
        return ChainMap({self.variable: value}, cast("dict[str, Any]", scope))

    def _restored(self, before_retry: Callable[[], Scope] | None, index: int) -> Callable[[], Scope] | None:
        """Return what gives the scope for a further attempt at one element."""
        if before_retry is None:
            return None

        def restored() -> Scope:
            scope = before_retry()
            return self._with(scope, _elements(self.values.render(scope), self.label)[index])

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
            outcome = child.execute_part(scope, around)
            if outcome.status == "failed" and not self.tolerant and not child.tolerant:
                stop()
            return outcome

        parts = [partial(execute_child, child) for child in self.children]
        with stop.within(outer):
            outcomes = execute_parts(parts, self.at_once, stop, lambda i: _left(self.children[i].tool))
        _check_whole(outcomes, outer)
        children = tuple(
            _child(c.label, c.tool, outcome) for c, outcome in zip(self.children, outcomes, strict=True)
        )
        strict = [o for c, o in zip(self.children, outcomes, strict=True) if not c.tolerant]
        error = _error_of(strict, tolerant=self.tolerant)
        if error is not None:
            return replace(self.failed(error, started, 1, children), abandoned=_abandoned(outcomes))
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


def _left(tool: str) -> Outcome:
    """Return the outcome of a part whose thread goes on."""
    return Outcome("failed", error=Cancelled.left(tool, "thread"), abandoned=True)


def _child(label: str, tool: str, outcome: Outcome | None) -> ChildOutcome:
    if outcome is None:
        return ChildOutcome(label, tool, "skipped", 0.0, 0)
    if isinstance(outcome.error, Cancelled):
        told = outcome.error if outcome.abandoned else None
        return ChildOutcome(label, tool, "skipped", outcome.seconds, 0, told)
    return ChildOutcome.of(label, tool, outcome)


def _error_of(outcomes: list[Outcome | None], *, tolerant: bool) -> Exception | None:
    """Return the error that parts come to: the first in their order; under ``continue`` only if none succeeded."""
    failed = [o.error for o in outcomes if o is not None and isinstance(o.error, Exception)]
    failed = [error for error in failed if not isinstance(error, Cancelled)]
    if not failed or (tolerant and any(o is not None and o.status == "done" for o in outcomes)):
        return None
    return failed[0]


def _check_whole(outcomes: list[Outcome | None], outer: Stop | None) -> None:
    """Raise `Cancelled` where what encloses the parts was stopped before all of them had ended."""
    stopped = outer is not None and outer.event.is_set()
    if stopped and any(outcome is None or isinstance(outcome.error, Cancelled) for outcome in outcomes):
        error = Cancelled()
        error.abandoned = _abandoned(outcomes)
        raise error


def _abandoned(outcomes: list[Outcome | None]) -> bool:
    return any(outcome is not None and outcome.abandoned for outcome in outcomes)
