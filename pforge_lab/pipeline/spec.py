"""Pipelines: the validated definition, made in Python, from functions, or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .checks import check_known, check_params_names, check_recursion, listed
from .composing import compose
from .definitions import declared, reachable, read_tools
from .digests import hash_of
from .head import Head, Memory, read_head
from .inputs import Inputs
from .models import Faults
from .names import check_goto, label_steps
from .params import Param, read_params
from .startable import Startable
from .steps import AnyStep, Parallel, Step
from .tools import ToolBox
from .written import Written

if TYPE_CHECKING:
    from .engine import Plan
    from .forge import StateSettings

Function = Callable[..., Any]


class Pipeline(Startable, Inputs, Written):
    """An ordered list of steps, checked as a whole. Does not change.

    Parameters
    ----------
    name, description
        The pipeline's name, and one line about it.
    params
        Types, or definitions, by name. Without any, every name that a template reads may be
        given a value; with ``{}``, none.
    steps
        `Step`, `Parallel`, functions, or plain data as YAML has it.
    memory, keep
        A `Memory` or its fields, and the variables that its ``drop_unused`` keeps.
    max_steps
        Steps that a run with loops takes at most.
    tools
        Declared tools, as a file has them.
    timeout_ms
        Milliseconds that it may take as a tool of another pipeline; a run of its own has no limit.

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
        base_dir, source
            Folder that ``module:function`` starts from, by default the current one; the data's file.
        functions
            Functions for the tools that have no definition of their own.
        check_tools
            Refuse steps whose tool is not known in this process. By default it is looked up
            when the step executes, so that a stored run opens where its functions are missing.

        Raises
        ------
        SpecError
            With all faults at once.

        Examples
        --------
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> Pipeline.from_dict(pipeline.to_dict(), functions={"double": double}) == pipeline
        True
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
            check_known(named, self._box, faults, declared(tools))
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

        Examples
        --------
        >>> Pipeline.from_functions("demo", len).check_tools()
        >>> Pipeline.from_dict({"name": "p", "steps": [{"tool": "no_such"}]}).check_tools()
        Traceback (most recent call last):
        pforge_lab.errors.SpecError: ...
        """
        faults = Faults()
        check_known(self.steps, self._box, faults)
        faults.raise_if_any()

    def functions(self) -> dict[str, Function]:
        """Return the functions given as Python objects, by the name of the tool.

        Examples
        --------
        >>> list(Pipeline.from_functions("demo", len).functions())
        ['len']
        """
        return dict(self._functions)

    def bind(self, functions: Mapping[str, Function]) -> Pipeline:
        """Return this pipeline with functions for its tools, added to those it has.

        Examples
        --------
        >>> def triple(x): return 3 * x
        >>> pipeline = Pipeline.from_dict({"name": "p", "steps": [{"tool": "triple", "output_var": "y", "input": {"x": 2}}]})
        >>> pipeline.bind({"triple": triple}).run(record=False).variables["y"]
        6
        """
        return Pipeline.from_dict(
            self.to_dict(), self.base_dir, {**self._functions, **functions}, source=self.source
        )

    def fingerprint(self, index: int) -> str | None:
        """Return the hash of the code behind the step at ``index`` as it is now, or None where there is none.

        Raises
        ------
        SpecError
            The function cannot be found.

        Examples
        --------
        >>> def double(x: int): return 2 * x
        >>> before = Pipeline.from_functions("demo", double).fingerprint(0)
        >>> def double(x: int): return x + x
        >>> Pipeline.from_functions("demo", double).fingerprint(0) == before
        False
        """
        step = self.steps[index]
        if isinstance(step, Step):
            return self._box.find(step.tool_name).fingerprint()
        parts = [self._box.find(part.tool_name).fingerprint() for part in step.parallel]
        return hash_of(parts) if any(parts) else None

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
