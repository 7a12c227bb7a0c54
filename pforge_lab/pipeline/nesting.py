"""The pipelines inside a pipeline, and which of their variables are read from outside."""

from __future__ import annotations

from pathlib import Path as Folder
from typing import TYPE_CHECKING

from .kinds.nested import PipelineDefinition
from .liveness import writes
from .rendering import Fields, Path, Sequence
from .steps import AnyStep, Parallel, Step
from .templates import compile_condition, compile_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .spec import Pipeline
    from .templates import Template


class Nested:
    """The pipelines that a pipeline calls, directly or through one another."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._tools = pipeline.tools
        self._found: dict[str, Pipeline] = {}
        self._read: dict[str, frozenset[str]] = {}
        self._follow(pipeline)

    def called(self, step: Step) -> Pipeline | None:
        """Return the pipeline that a step calls, or None where its tool is none."""
        name = step.tool_name
        definition = self._tools.get(name)
        if name not in self._found and isinstance(definition, PipelineDefinition):
            self._found[name] = definition.pipeline(self._tools, Folder(), None, check_tools=False)
        return self._found.get(name)

    def read_outside(self, tool: str) -> frozenset[str]:
        """Return those variables of a nested pipeline that may be read in what it hands back."""
        return self._read.get(tool, frozenset())

    def _follow(self, pipeline: Pipeline) -> None:
        pending = [(pipeline, frozenset[str]())]
        while pending:
            outer, read = pending.pop()
            for step in (part for listed in outer.steps for part in calls(listed)):
                inner = self.called(step)
                if inner is None:
                    continue
                before = self._read.get(step.tool_name)
                now = (before or frozenset()) | _taken(outer, step, inner, read)
                if now != before:
                    self._read[step.tool_name] = now
                    pending.append((inner, now))


def calls(step: AnyStep) -> tuple[Step, ...]:
    """Return the steps of a block, or the step itself."""
    return step.parallel if isinstance(step, Parallel) else (step,)


def _taken(outer: Pipeline, call: Step, inner: Pipeline, read: frozenset[str]) -> frozenset[str]:
    """Return the variables of `inner` that `outer` may read in the output of a call."""
    name = call.output_var
    everything = frozenset().union(*map(writes, inner.steps))
    if name is None:
        return frozenset()
    taken: set[str] = set()
    for template in _readers(outer, name):
        if (
            call.foreach is None
            and isinstance(template, Path)
            and template.parts[0] == "variables"
            and template.parts[1:]
        ):
            taken.add(str(template.parts[1]))
        else:
            return everything
    return everything if name in read else frozenset(taken)


def _readers(pipeline: Pipeline, name: str) -> Iterator[object]:
    """Yield the templates and conditions that read a variable."""
    for step in pipeline.steps:
        for part in calls(step):
            yield from _leaves(part.compiled_input, name)
            yield from _leaves(compile_value(part.foreach), name)
        texts = [
            step.condition,
            *(part.condition for part in calls(step)),
            *(way.if_ for way in step.next or ()),
        ]
        yield from (text for text in texts if text is not None and name in compile_condition(text).reads)


def _leaves(template: Template, name: str) -> Iterator[Template]:
    if isinstance(template, Sequence | Fields):
        for inner in template.items if isinstance(template, Sequence) else template.fields.values():
            yield from _leaves(inner, name)
    elif name in template.reads:
        yield template
