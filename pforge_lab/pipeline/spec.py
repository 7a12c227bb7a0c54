"""Pipelines: the validated definition, made in Python, from functions, or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pforge_lab.errors import Fault, ParamError

from .checks import check_known, check_params_names, check_recursion, listed
from .composing import compose
from .definitions import plain_definition, reachable, read_tools
from .digests import hash_of
from .head import Head, Memory, read_head
from .models import Faults, describe
from .names import check_goto, label_steps
from .params import Param, check_values, parse_texts, read_params
from .steps import AnyStep, Parallel
from .tools import ToolBox

if TYPE_CHECKING:
    import pandas as pd

    from .engine import Plan
    from .forge import StateSettings
    from .graph import Graph

Function = Callable[..., Any]


class Pipeline:
    """An ordered list of steps, checked as a whole. Does not change.

    Parameters
    ----------
    name
        The pipeline's name.
    params
        Types, or definitions, by name. Without any, every name that a template reads may be
        given a value; with ``{}``, none.
    steps
        `Step`, `Parallel`, functions, or plain data as YAML has it.
    memory
        A `Memory` or its fields.
    keep
        Variables that ``drop_unused`` keeps.
    description
        One line.
    max_steps
        Steps that a run with loops takes at most.
    tools
        Declared tools, as a file has them.

    Raises
    ------
    SpecError
        With all faults at once: fields, templates, labels, transitions, unknown tools.

    Examples
    --------
    >>> from pforge_lab.pipeline.steps import Step
    >>> def double(x: int): return 2 * x
    >>> pipeline = Pipeline("demo", params={"x": "integer"}, steps=[
    ...     Step(double, input={"x": "{{ x }}"}, output_var="twice"),
    ... ])
    >>> pipeline.labels, pipeline.check_params({"x": 3})
    (('double',), {'x': 3})
    """

    def __init__(  # noqa: PLR0917 - the order of a definition: name, params, steps
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        steps: Iterable[AnyStep | Function | Mapping[str, Any]] = (),
        memory: Memory | Mapping[str, Any] | None = None,
        keep: Iterable[str] = (),
        description: str | None = None,
        max_steps: int = 1000,
        *,
        tools: Iterable[Any] = (),
        timeout_ms: float | None = None,
    ) -> None:
        fields = {
            "name": name, "params": params, "steps": steps, "memory": memory, "keep": keep,
            "description": description, "max_steps": max_steps, "tools": tools, "timeout_ms": timeout_ms,
        }  # fmt: skip
        self._setup(
            {key: value for key, value in fields.items() if value is not None}, {}, Path(), None, check=True
        )

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        base_dir: str | Path | None = None,
        functions: Mapping[str, Function] | None = None,
        *,
        source: str | Path | None = None,
        check_tools: bool = False,
    ) -> Self:
        """Make a pipeline from plain data, as `to_dict` gives it and YAML has it.

        Parameters
        ----------
        base_dir
            Folder that ``module:function`` starts from; the current one by default.
        functions
            Functions for the tools that have no definition of their own.
        source
            The file the data came from.
        check_tools
            Refuse steps whose tool is not known in this process. By default it is looked up
            when the step executes, so that a stored run opens where its functions are missing.
        """
        pipeline = cls.__new__(cls)
        folder = Path(base_dir) if base_dir is not None else Path()
        pipeline._setup(  # noqa: SLF001 - of this very class
            data, functions or {}, folder, Path(source) if source else None, check=check_tools
        )
        return pipeline

    @classmethod
    def from_functions(cls, name: str, *functions: Function, **options: Any) -> Self:
        """Make a pipeline of functions that are named for what they make.

        A parameter takes the variable of the same name: the output of the function of that name,
        or else a param of the pipeline, with the default and the type of the signature. The
        output variable of a function is its name. A parameter annotated with a resource such as
        ``StateManager`` is given by the run.

        Parameters
        ----------
        name
            The pipeline's name.
        functions
            In the order they execute.
        options
            ``memory keep description max_steps`` of the pipeline.

        Raises
        ------
        SpecError
            Two functions have one name, or a function needs what a later one makes.

        Examples
        --------
        >>> def total(numbers: list): return sum(numbers)
        >>> def share(total, of: int = 100): return total / of
        >>> pipeline = Pipeline.from_functions("shares", total, share)
        >>> {name: param.type for name, param in pipeline.params.items()}
        {'numbers': 'array', 'of': 'integer'}
        """
        faults = Faults()
        params, steps = compose(functions, faults)
        faults.raise_if_any()
        return cls(name, params=params, steps=steps, **options)

    def _setup(
        self, data: Mapping[str, Any], functions: Mapping[str, Function], folder: Path, source: Path | None, *,
        check: bool,
    ) -> None:  # fmt: skip
        faults = Faults()
        fields = {str(key): value for key, value in data.items()}
        params, steps, tools = fields.pop("params", None), fields.pop("steps", ()), fields.pop("tools", ())
        head = Head.model_construct(name=str(fields.get("name", "")))
        with faults.collect():
            head = read_head(fields)
        self.name: str = head.name
        self.description: str | None = head.description
        self.memory: Memory = head.memory
        self.keep: tuple[str, ...] = head.keep
        self.max_steps: int = head.max_steps
        self.timeout_ms: float | None = head.timeout_ms
        self.declares_params: bool = params is not None
        self.params: dict[str, Param] = {}
        with faults.collect("params"):
            self.params = read_params(params or {})
        check_params_names(self.params, faults)
        self.tools: dict[str, Any] = {}
        with faults.collect("tools"):
            self.tools = read_tools(tools)
        self._functions: dict[str, Function] = dict(functions)
        read = listed(steps, faults)
        self.labels: tuple[str, ...] = label_steps(read, faults, "steps")
        check_goto(read, self.labels, faults, "steps")
        self.source: Path | None = source
        self.base_dir: Path = folder
        self.state: StateSettings | None = None
        self._box = ToolBox(self.tools, self._functions, folder)
        self._plan: Plan | None = None
        named = [None if step is None else self._named(step) for step in read]
        if check:
            check_known(named, self._box, faults)
        self.steps: tuple[AnyStep, ...] = tuple(step for step in named if step is not None)
        check_recursion(self.tools, self.steps, faults)
        faults.raise_if_any()
        self.tools = reachable(self.tools, self.steps)

    def _named(self, step: AnyStep) -> AnyStep:
        """Give functions that stand in steps a name of their own, so that steps are plain data."""
        if isinstance(step, Parallel):
            return step.model_copy(update={"parallel": tuple(self._named(child) for child in step.parallel)})
        if isinstance(step.tool, str):
            return step
        name = free = step.tool_name
        count = 1
        while free in self.tools or self._functions.get(free, step.tool) is not step.tool:
            count += 1
            free = f"{name}#{count}"
        self._functions[free] = step.tool
        return step.model_copy(update={"tool": free})

    def check_tools(self) -> None:
        """Refuse steps whose tool is not known in this process.

        Raises
        ------
        SpecError
            With every one of them, and near misses.
        """
        faults = Faults()
        check_known(self.steps, self._box, faults)
        faults.raise_if_any()

    def check_params(self, values: Mapping[str, object] | None) -> dict[str, object]:
        """Return the values a run starts with: those given, and the defaults.

        Raises
        ------
        ParamError
            With everything that is missing, unknown or of the wrong type. Nothing is converted:
            ``"3"`` is no integer.

        Examples
        --------
        >>> pipeline = Pipeline("demo", params={"month": {"type": "integer", "default": 1, "max": 12}})
        >>> pipeline.check_params({})
        {'month': 1}
        >>> pipeline.check_params({"month": 13, "moth": 1})
        Traceback (most recent call last):
            ...
        pforge_lab.errors.ParamError: moth: pipeline 'demo' has no such param, did you mean 'month'?
        month: must be at most 12, not 13
        """
        given = {} if values is None else values
        if not isinstance(given, Mapping):
            raise ParamError.of(
                [Fault(f"the inputs must be a mapping of names to values, not {describe(given)}")]
            )
        if self.declares_params:
            return check_values(self.params, given, self._owner)
        return check_values(
            {name: Param(required=False) for name in self._open_names}, given, self._owner, fill=False
        )

    def parse_params(self, texts: Mapping[str, str]) -> dict[str, object]:
        """Return the values that texts from a command line stand for, by declared type.

        Raises
        ------
        ParamError
            With every unknown name, and every text that is not of its type.

        Examples
        --------
        >>> Pipeline("demo", params={"month": "integer"}).parse_params({"month": "2"})
        {'month': 2}
        """
        known = self.params if self.declares_params else {name: Param() for name in self._open_names}
        return parse_texts(known, texts, self._owner)

    @property
    def _owner(self) -> str:
        return f"pipeline {self.name!r}"

    @cached_property
    def _open_names(self) -> list[str]:
        """Names that may be given when no params are declared: all that templates read."""
        return sorted(set().union(*(self.reads(i) for i in range(len(self.steps)))))

    @property
    def most_steps(self) -> int:
        """Steps that one execution takes at most: ``max_steps``; as many as there are, where no loop needs more."""
        return max(self.max_steps, len(self.steps))

    def reads(self, index: int) -> frozenset[str]:
        """Return the names of the variables that a step reads, in its input, condition and transitions."""
        return self._flows[index][0]

    def writes(self, index: int) -> frozenset[str]:
        """Return the names of the variables that a step may write."""
        return self._flows[index][1]

    @cached_property
    def _flows(self) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
        """What each step reads, and what it may write."""
        from .dataflow import reads, writes  # noqa: PLC0415 - dataflow is made of pipelines

        return tuple((reads(step), writes(step)) for step in self.steps)

    def functions(self) -> dict[str, Function]:
        """Return the functions given as Python objects, by the name of the tool."""
        return dict(self._functions)

    def bind(self, functions: Mapping[str, Function]) -> Pipeline:
        """Return this pipeline with functions for its tools, added to those it has."""
        return Pipeline.from_dict(
            self.to_dict(), self.base_dir, {**self._functions, **functions}, source=self.source
        )

    def fingerprint(self, index: int) -> str | None:
        """Return the hash of the code behind a step as it is now, or None where there is none.

        Raises
        ------
        SpecError
            The function cannot be found.
        """
        step = self.steps[index]
        if isinstance(step, Parallel):
            parts = [self._box.find(part.tool_name).fingerprint() for part in step.parallel]
            return hash_of(parts) if any(parts) else None
        return self._box.find(step.tool_name).fingerprint()

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as plain data: what YAML would have, without functions given as objects."""
        fields: dict[str, Any] = {"name": self.name}
        if self.description is not None:
            fields["description"] = self.description
        if self.declares_params:
            fields["params"] = {name: param.plain() for name, param in self.params.items()}
        if self.memory != Memory():
            fields["memory"] = self.memory.plain()
        if self.keep:
            fields["keep"] = list(self.keep)
        if self.max_steps != Head.model_fields["max_steps"].default:
            fields["max_steps"] = self.max_steps
        if self.timeout_ms is not None:
            fields["timeout_ms"] = self.timeout_ms
        if self.tools:
            fields["tools"] = [plain_definition(tool) for tool in self.tools.values()]
        return fields | {"steps": [step.plain() for step in self.steps]}

    def to_yaml(self) -> str:
        """Return the definition as YAML; loading it gives an equal pipeline."""
        from .writer import to_yaml  # noqa: PLC0415 - ruamel.yaml is loaded where YAML is

        return to_yaml(self.to_dict())

    @cached_property
    def digest(self) -> str:
        """Hash of the definition, the same in every process."""
        return hash_of(self.to_dict())

    @cached_property
    def step_digests(self) -> tuple[str, ...]:
        """Hash of each step with the tools it uses."""
        return tuple(
            hash_of(
                [step.plain(), [plain_definition(tool) for tool in reachable(self.tools, [step]).values()]]
            )
            for step in self.steps
        )

    def schema(self) -> dict[str, Any]:
        """Return the params as JSON schema.

        Examples
        --------
        >>> Pipeline("demo", params={"month": {"type": "integer", "max": 12}}).schema()["properties"]
        {'month': {'type': 'integer', 'maximum': 12}}
        """
        required = [name for name, param in self.params.items() if param.is_required]
        schema: dict[str, Any] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "type": "object",
            "properties": {name: param.schema_dict() for name, param in self.params.items()},
            "additionalProperties": not self.declares_params,
        }
        if self.description is not None:
            schema["description"] = self.description
        return schema | ({"required": required} if required else {})

    def dataflow(self) -> pd.DataFrame:
        """Return which step reads and writes what, one row a step, with warnings."""
        from .dataflow import dataflow  # noqa: PLC0415 - dataflow is made of pipelines

        return dataflow(self)

    def graph(self) -> Graph:
        """Return the data flow as a drawing, which a notebook shows.

        Examples
        --------
        >>> def load(source): ...
        >>> def clean(load): ...
        >>> [edge.name for edge in Pipeline.from_functions("daily", load, clean).graph().edges]
        ['source', 'load']
        """
        from .dataflow import flows  # noqa: PLC0415 - dataflow is made of pipelines
        from .graph import Graph  # noqa: PLC0415 - as above

        return Graph.of(self.name, flows(self))

    def start(
        self, inputs: Mapping[str, object] | None = None, *, state: Any = None, carry: str | None = None,
        drop_unused: bool | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        """Start a run; nothing executes yet.

        Parameters
        ----------
        inputs
            Values of the params.
        state
            A state manager or a URL; a file beside the notebook or script by default.
        carry
            Name under which the final variables are kept: a run starts with those of the last one.
        drop_unused
            Overrides the pipeline's ``memory``.
        options
            Further ones of a run, such as ``memory``: deeper looks at it in every step, ``"settle"``,
            ``"exact"`` or ``"trace"``.

        Returns
        -------
        Run
            At position 0.

        Raises
        ------
        ParamError
            Inputs are missing, unknown or of the wrong type.
        """
        from pforge_lab.runs import api  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return api.start(self, inputs, state=state, carry=carry, drop_unused=drop_unused, **options)

    def run(
        self, inputs: Mapping[str, object] | None = None, *, state: Any = None, record: bool = True,
        **options: Any,
    ) -> Any:  # fmt: skip
        """Start a run and finish it.

        Parameters
        ----------
        inputs, state, options
            As `start`.
        record
            False executes the pipeline as plain function calls, for some microseconds a step: no run
            is made, nothing is measured, logged, kept or written, and ``state`` is only what tools
            get that ask for a state manager. Of the options there is then ``drop_unused``.

        Returns
        -------
        PipelineOutput
            With ``results`` and ``variables``.

        Raises
        ------
        StepError
            A step failed and its policy is ``fail_fast``; the run stays and can be resumed.

        Examples
        --------
        >>> def double(x: int): return 2 * x
        >>> Pipeline.from_functions("demo", double).run({"x": 21}, record=False).variables["double"]
        42
        """
        from pforge_lab.runs import api  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return api.run(self, inputs, state=state, record=record, **options)

    def resume(self, checkpoint: Any, *, state: Any = None) -> Any:
        """Return the run of a checkpoint, standing there.

        Parameters
        ----------
        checkpoint
            What ``run.checkpoint()`` returned, in any process.
        state
            Where the run lives now, if that is not where it was.

        Returns
        -------
        Run
            Its ``finish()`` goes on from there.
        """
        from pforge_lab.runs import api  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return api.resume(checkpoint, state=state)

    def repeat(
        self, n: int = 50, inputs: Mapping[str, object] | None = None, *, carry: bool = False, state: Any = None,
    ) -> Any:  # fmt: skip
        """Execute the pipeline ``n`` times, unrecorded, and say what grows from one time to the next.

        Parameters
        ----------
        n
            Times that count, at least 50; a tenth more come before.
        inputs
            Values of the params.
        carry
            Start each time with the final variables of the one before.
        state
            A state manager for tools that ask for one; by default one in memory.

        Returns
        -------
        Growth
            Its ``verdict`` is one sentence; its ``table`` has growth and standard error by variable.
        """
        from pforge_lab.runs.repeating import repeat  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return repeat(self, n, inputs, carry=carry, state=state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.to_dict(), self.base_dir, self._functions, self.source)

    def __repr__(self) -> str:
        return f"<Pipeline {self.name!r}: {' -> '.join(self.labels) or 'no steps'}>"


def _rebuild(
    data: dict[str, Any], folder: Path, functions: dict[str, Function], source: Path | None
) -> Pipeline:
    return Pipeline.from_dict(data, folder, functions, source=source)
