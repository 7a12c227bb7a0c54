"""Tools that are pipelines: nested, with a scope of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator

from pforge_lab.errors import SpecError
from pforge_lab.pipeline.before import Before
from pforge_lab.pipeline.calls import Box, Call, Cancelled, Execution
from pforge_lab.pipeline.digests import hash_of
from pforge_lab.pipeline.models import Faults, inside_validator
from pforge_lab.pipeline.outcome import ChildOutcome
from pforge_lab.pipeline.spoilt import spoilt
from pforge_lab.pipeline.steps import AnyStep, read_steps

from .definition import Definition

if TYPE_CHECKING:
    from pathlib import Path

    from pforge_lab.pipeline.outcome import Outcome
    from pforge_lab.pipeline.policies import Retry


class PipelineDefinition(Definition):
    """A pipeline as a tool of a file.

    Attributes
    ----------
    steps
        Its steps, in a scope of their own.
    memory
        What its runs do to need less memory.
    keep
        Variables that ``drop_unused`` keeps.
    max_steps
        Steps that it takes at most where it has loops.
    """

    type: Literal["pipeline"] = "pipeline"
    steps: tuple[Any, ...]
    memory: dict[str, StrictBool] | None = None
    keep: tuple[StrictStr, ...] | None = None
    max_steps: StrictInt = Field(default=1000, ge=1)

    @field_validator("steps", mode="before")
    @classmethod
    def _read_steps(cls, data: Any) -> Any:
        if not isinstance(data, list | tuple):
            raise ValueError("must be a list of steps")  # noqa: TRY004 -- pydantic wants it
        faults = Faults()
        steps: list[AnyStep] = read_steps(data, faults, "")
        with inside_validator():
            faults.raise_if_any()
        return tuple(steps)

    def pipeline(
        self, tools: Mapping[str, Definition], base_dir: Path, source: Path | None, *, check_tools: bool
    ) -> Any:
        """Return the pipeline that this tool is."""
        from pforge_lab.pipeline.spec import Pipeline  # noqa: PLC0415 -- pipelines are made of tools

        fields = {
            "name": self.name, "description": self.description, "params": self.params, "steps": self.steps,
            "memory": self.memory, "keep": self.keep, "max_steps": self.max_steps, "timeout_ms": self.timeout_ms,
            "tools": tuple(tools.values()),
        }  # fmt: skip
        given = {name: value for name, value in fields.items() if value is not None}
        return Pipeline.from_dict(given, base_dir, source=source, check_tools=check_tools)

    def tool(self, box: Box) -> PipelineTool:
        """Return what executes the pipeline."""
        pipeline = self.pipeline(box.definitions, box.folder, None, check_tools=False).bind(box.functions)
        return PipelineTool(self.name, pipeline, self.retry, self.timeout)

    def plain(self) -> dict[str, Any]:
        """Return the definition as plain data, as YAML has it."""
        fields = {name: value for name, value in super().plain().items() if name != "steps"}
        return fields | {"steps": [step.plain() for step in self.steps]}


class PipelineTool:
    """Executes a pipeline with its arguments as inputs; the output has ``results`` and ``variables``."""

    __slots__ = ("name", "pipeline", "retry", "timeout")

    def __init__(self, name: str, pipeline: Any, retry: Retry | None, timeout: float | None) -> None:
        self.name = name
        self.pipeline = pipeline
        self.retry = retry
        self.timeout = timeout

    def call(self, arguments: Mapping[str, Any], call: Call) -> Any:
        """Execute all steps; the first error of a fail-fast step is this tool's."""
        from pforge_lab.pipeline.engine import plan_of  # noqa: PLC0415 -- the engine calls tools

        scope = self.pipeline.check_params(_inputs(arguments, self.pipeline.params))
        deadline = None if call.timeout is None else monotonic() + call.timeout
        around = Execution(call.resources, call.listener, None, call.stop, deadline, metered=call.metered)
        results: list[dict[str, Any]] = []
        steps = plan_of(self.pipeline).steps
        place = taken = 0
        while place < len(steps):
            if call.stop is not None and call.stop.event.is_set():
                raise Cancelled
            if deadline is not None and monotonic() >= deadline:
                raise call.overrun(self.name, f"was ended before its step {steps[place].label!r}")
            if taken >= self.pipeline.most_steps:
                raise SpecError(
                    f"{self.name!r} took more than {taken} steps; raise max_steps, or let its loop end"
                )
            planned = steps[place]
            before = Before(scope, self.pipeline.reads(place)) if planned.may_repeat else None
            restored = None if before is None else before.scope
            outcome = planned.execute_part(scope, replace(around, before_retry=restored))
            if before is not None:
                lost = spoilt(self.pipeline.steps[place], outcome)
                scope = before.scope() if outcome.status == "failed" else scope | before.scope(lost)
            taken += 1
            call.abandoned = call.abandoned or outcome.abandoned
            call.children.append(ChildOutcome.of(planned.label, planned.tool, outcome))
            if outcome.error is not None and not planned.tolerant:
                if deadline is not None and monotonic() >= deadline:
                    raise call.overrun(
                        self.name, f"was ended in its step {planned.label!r}", abandoned=outcome.abandoned
                    ) from outcome.error
                outcome.error.add_note(f"in step {planned.label!r} of pipeline {self.name!r}")
                raise outcome.error
            if outcome.status != "skipped":
                results.append(_result(planned.tool, outcome))
            scope.update(outcome.variables)
            place = place + 1 if outcome.next_step is None else outcome.next_step
        return {"results": results, "variables": scope}

    def fingerprint(self) -> str | None:
        """Return the hash of the code behind all steps."""
        tools = {tool: i for i, tool in enumerate(step.tool_name for step in self.pipeline.steps)}
        parts = [self.pipeline.fingerprint(i) for i in tools.values()]
        return hash_of(parts) if any(parts) else None


def _inputs(arguments: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the inputs; pforge hands them on as one argument ``variables``."""
    variables = arguments.get("variables")
    if set(arguments) == {"variables"} and "variables" not in params and isinstance(variables, Mapping):
        return variables
    return arguments


def _result(tool: str, outcome: Outcome) -> dict[str, Any]:
    error = None if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}"
    return {"tool": tool, "success": outcome.status == "done", "output": outcome.output, "error": error}
