"""Steps: one call of a tool, or a block of calls side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import Field, StrictStr, ValidationError, field_validator

from pforge_lab.errors import Fault, SpecError

from .models import Faults, Positive, describe, faults_of, join
from .names import check_variable, label_steps, name_of
from .policies import Retry  # noqa: TC001 - pydantic reads the annotations
from .step_base import StepBase, plain_next
from .templates import Template, compile_value


class Step(StepBase):
    """One step of a pipeline: a tool, what it is given, and where its output goes.

    Parameters
    ----------
    tool
        A function, or the name of a tool.
    input
        Arguments by name; texts in it are templates. A single ``"{{ name }}"`` hands a mapping on.
    output_var
        The variable that takes the output.
    condition
        An expression; the step is skipped where it does not hold.
    error_policy
        ``"fail_fast"`` ends the run at an error, ``"continue"`` goes on without the output.
    retry
        A `Retry`, its fields, or the number of attempts.
    timeout_ms
        Milliseconds that one call may take.
    label
        The step's name among the steps; the tool's by default.
    foreach
        A list, as ``"{{ name }}"``: the tool is called once for each element; the output is the list of outputs,
        in the order of the elements.
    as_
        The variable that is the element of a call.
    max_parallel
        How many calls of a ``foreach`` are made at a time; one by default.
    next
        Where to go afterwards: the first transition that holds; else the next step.
    description
        One line about the step.

    Raises
    ------
    SpecError
        With all faults, those of templates included.

    Examples
    --------
    >>> step = Step("clean", input={"flights": "{{ flights }}"}, output_var="clean")
    >>> step.tool_name, Step.from_dict(step.plain()) == step
    ('clean', True)
    >>> Step("clean", inptu={})
    Traceback (most recent call last):
        ...
    pforge_lab.errors.SpecError: inptu: unknown field 'inptu', did you mean 'input'?
    """

    tool: Any
    input: Any = None
    output_var: StrictStr | None = None
    retry: Retry | None = None
    timeout_ms: Positive | None = None
    foreach: Any = None
    as_: StrictStr = Field(default="item", alias="as")

    def __init__(self, tool: Any = None, /, **fields: Any) -> None:
        if "params" in fields and "input" not in fields:
            fields["input"] = fields.pop("params")
        given = {name: value for name, value in fields.items() if value is not None}
        faults = Faults()
        try:
            super().__init__(**({"tool": tool} if tool is not None else {}), **given)
        except ValidationError as error:
            faults.extend(faults_of(error, type(self)))
        with faults.collect("input"):
            compile_value(given.get("input"))
        with faults.collect("foreach"):
            compile_value(given.get("foreach"))
        faults.raise_if_any()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a step from plain data, as YAML has it."""
        fields = {str(name): value for name, value in data.items()}
        return cls(fields.pop("tool", None), **fields)

    @field_validator("output_var", "as_")
    @classmethod
    def _variable(cls, name: str | None) -> str | None:
        if name is not None:
            check_variable(name)
        return name

    @field_validator("tool")
    @classmethod
    def _callable(cls, tool: Any) -> Any:
        if tool == "" or not (isinstance(tool, str) or callable(tool)):
            raise ValueError(f"must be the name of a tool or a function, not {describe(tool)}")
        return tool

    @field_validator("input")
    @classmethod
    def _arguments(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            return dict(data)
        if isinstance(data, str) and data.strip().startswith("{{") and data.strip().endswith("}}"):
            return data.strip()
        raise ValueError(f"must be a mapping of arguments, or one '{{{{ name }}}}', not {describe(data)}")

    @field_validator("foreach")
    @classmethod
    def _elements(cls, data: Any) -> Any:
        if isinstance(data, str) and not (data.startswith("{{") and data.endswith("}}")):
            raise ValueError(f"must be a list, or one '{{{{ name }}}}', not {describe(data)}")
        if not isinstance(data, str | list | tuple):
            raise ValueError(f"must be a list, or one '{{{{ name }}}}', not {describe(data)}")  # noqa: TRY004 -- pydantic wants it
        return data

    @property
    def tool_name(self) -> str:
        """Name of the tool."""
        return self.tool if isinstance(self.tool, str) else name_of(self.tool)

    @property
    def compiled_input(self) -> Template:
        """The input, compiled."""
        return compile_value({} if self.input is None else self.input)

    def plain(self) -> dict[str, Any]:
        """Return the step as plain data, as YAML has it."""
        fields = self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude={"tool", "retry", "next"}
        )
        if self.retry is not None:
            fields["retry"] = self.retry.model_dump(exclude_unset=True, by_alias=True) or {"attempts": 3}
        return {"tool": self.tool_name} | fields | plain_next(self)


class Parallel(StepBase):
    """A block of independent steps that run side by side and count as one step.

    Parameters
    ----------
    steps
        The steps; none may write what another one writes.
    parallel
        The steps, as a list, the way YAML has them.
    max_parallel
        How many run at a time; all by default.
    label, condition, error_policy, next, description
        As of a `Step`, for the block as a whole.

    Raises
    ------
    SpecError
        With all faults, those of the steps included.

    Examples
    --------
    >>> block = Parallel(Step("fetch_user", output_var="user"), Step("fetch_prefs", output_var="prefs"))
    >>> block.labels, block.tool_name, block.output_var
    (('fetch_user', 'fetch_prefs'), 'parallel', None)
    >>> Parallel.from_dict(block.plain()) == block
    True
    """

    parallel: tuple[Step, ...]

    def __init__(self, *steps: Step | Mapping[str, Any], **fields: Any) -> None:
        faults = Faults()
        listed = fields.get("parallel")
        if isinstance(listed, list | tuple):
            steps += tuple(listed)
        elif listed is not None:
            faults.add(f"must be a list of steps, not {describe(listed)}", "parallel")
        children = read_steps(steps, faults, "parallel")
        try:
            fields["parallel"] = tuple(child for child in children if isinstance(child, Step))
            super().__init__(**fields)
        except ValidationError as error:
            faults.extend(faults_of(error, type(self)))
        if not steps and not faults:
            faults.add("a parallel block needs steps", "parallel")
        written: set[str] = set()
        for i, step in enumerate(children):
            if step is None:
                continue
            if isinstance(step, Parallel):
                faults.add("a parallel block holds no further blocks", f"parallel.{i}")
                continue
            if step.next is not None:
                faults.add(
                    "a step inside a block goes nowhere; put 'next' on the block", f"parallel.{i}.next"
                )
            if step.output_var is not None and step.output_var in written:
                faults.add(f"{step.output_var!r} is written twice in one block", f"parallel.{i}.output_var")
            written |= {step.output_var} if step.output_var else set()
        label_steps(children, faults, "parallel")
        faults.raise_if_any()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a block from plain ``data``, as YAML has it.

        Raises
        ------
        SpecError
            With all faults, those of the steps included.
        """
        fields = {str(name): value for name, value in data.items()}
        if not isinstance(steps := fields.get("parallel"), list | tuple):
            raise SpecError.of([Fault(f"must be a list of steps, not {describe(steps)}", field="parallel")])
        return cls(**fields)

    @property
    def tool_name(self) -> str:
        """Return ``parallel``: a block calls no single tool."""
        return "parallel"

    @property
    def output_var(self) -> None:
        """None: the steps inside have their own."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the steps inside."""
        return label_steps(self.parallel, Faults(), "")

    def plain(self) -> dict[str, Any]:
        """Return the block as plain data, as YAML has it."""
        fields = self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude={"parallel", "next"}
        )
        return {"parallel": [step.plain() for step in self.parallel]} | fields | plain_next(self)


AnyStep = Step | Parallel


def read_steps(data: Iterable[Any], faults: Faults, at: str) -> list[Any]:
    """Return the steps, noting the faults of all; a step that cannot be read keeps its place as None."""
    steps: list[Any] = []
    for i, item in enumerate(data):
        steps.append(None)
        with faults.collect(join(at, str(i)) or ""):
            steps[i] = read_step(item)
    return steps


def read_step(data: Any) -> AnyStep:
    """Return one step of a definition: a `Step`, a function, or plain data."""
    if isinstance(data, Step | Parallel):
        return data
    if callable(data):
        return Step(data)
    if not isinstance(data, Mapping):
        raise SpecError.of([Fault(f"must be a mapping with 'tool', not {describe(data)}")])
    return Parallel.from_dict(data) if "parallel" in data else Step.from_dict(data)
