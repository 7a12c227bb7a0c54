"""Which steps can run, and who may have written what before each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .liveness import surely_written, writes
from .policies import END
from .settled import settled
from .templates import compile_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .spec import Pipeline

Known = dict[str, tuple[str, ...]]
"""Names with the labels of those who may have written them."""


@dataclass(frozen=True, slots=True)
class Reaching:
    """What reaches the steps of a pipeline.

    Attributes
    ----------
    pipeline
        The pipeline.
    steps
        The places that can be come to.
    known
        For each step who may have written what before it.
    carried
        Names that may be there from the start although no param is named so: a run under a ``carry``
        name starts with the variables that the last one ended with.
    """

    pipeline: Pipeline
    steps: set[int]
    known: list[Known]
    carried: frozenset[str]

    @classmethod
    def of(cls, pipeline: Pipeline, *, nested: bool = False) -> Reaching:
        """Follow the steps until nothing changes."""
        count = len(pipeline.steps)
        written = frozenset[str]() if nested else frozenset().union(*map(writes, pipeline.steps))
        flow = cls(pipeline, set(), [{} for _ in range(count + 1)], written)
        pending: list[tuple[int, Known]] = [(0, dict.fromkeys(pipeline.params, ("params",)))]
        while pending:
            i, arriving = pending.pop()
            merged = _merged(flow.known[i], arriving)
            if i in flow.steps and merged == flow.known[i]:
                continue
            flow.known[i] = merged
            if i < count:
                flow.steps.add(i)
                pending += flow._followers(i)
        return flow

    def holds(self, condition: str, known: Mapping[str, object], *, carried: bool = True) -> bool | None:
        """Return what a condition comes to in all runs where only `known` names exist, or None if that varies."""
        if not self.pipeline.declares_params:
            return settled(condition, frozenset())
        there = {*known, *self.carried} if carried else {*known}
        return settled(condition, compile_condition(condition).reads - there)

    def _followers(self, i: int) -> list[tuple[int, Known]]:
        """Return the steps that may follow, each with what is known then."""
        step, label, before = self.pipeline.steps[i], self.pipeline.labels[i], self.known[i]
        holds = None if step.condition is None else self.holds(step.condition, before)
        if holds is False:
            return [(i + 1, before)]
        after = dict(before)
        for name in writes(step):
            kept = () if name in surely_written(step) else before.get(name, ())
            after[name] = (*kept, *(() if label in kept else (label,)))
        tolerant = step.error_policy == "continue"
        passes = step.condition is not None and holds is None
        passes = passes or (tolerant and getattr(step, "foreach", None) is not None)
        targets: list[int] = []
        for way in step.next or ():
            taken = True if way.if_ is None else self.holds(way.if_, after)
            if taken is not False:
                targets.append(self._target(way.goto))
            if taken:
                break
            passes = passes or tolerant  # where the condition cannot be evaluated, the step has failed
        else:
            passes = True
        return [(k, after) for k in dict.fromkeys([*targets, *([i + 1] if passes else [])])]

    def _target(self, goto: str) -> int:
        labels = self.pipeline.labels
        return len(labels) if goto == END and END not in labels else labels.index(goto)


def _merged(one: Known, other: Known) -> Known:
    if not one:
        return other
    return {
        name: tuple(dict.fromkeys([*one.get(name, ()), *other.get(name, ())]))
        for name in dict.fromkeys([*one, *other])
    }
