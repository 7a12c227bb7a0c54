"""A pipeline as plain data, YAML and a hash."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .definitions import plain_definition, reachable
from .digests import hash_of
from .head import Head, Memory

if TYPE_CHECKING:
    from .params import Param
    from .steps import AnyStep


class Written:
    """What a definition is written as. A base of `Pipeline`."""

    name: str
    description: str | None
    memory: Memory
    keep: tuple[str, ...]
    max_steps: int
    timeout_ms: float | None
    declares_params: bool
    params: dict[str, Param]
    tools: dict[str, Any]
    steps: tuple[AnyStep, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as plain data: what YAML would have, without functions given as objects.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> pipeline.to_dict()["steps"]
        [{'tool': 'double', 'input': {'x': '{{ x }}'}, 'output_var': 'double'}]
        """
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
        """Return the definition as YAML; loading it gives an equal pipeline.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> pipeline.to_yaml().splitlines()[0]
        'name: demo'
        """
        from .writer import to_yaml  # noqa: PLC0415 - ruamel.yaml is loaded where YAML is

        return to_yaml(self.to_dict())

    @cached_property
    def digest(self) -> str:
        """Hash of the definition, the same in every process.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> pipeline.digest == Pipeline.from_functions("demo", double).digest
        True
        """
        return hash_of(self.to_dict())

    @cached_property
    def step_digests(self) -> tuple[str, ...]:
        """Hash of each step with the tools it uses.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> len(pipeline.step_digests)
        1
        """
        return tuple(
            hash_of(
                [step.plain(), [plain_definition(tool) for tool in reachable(self.tools, [step]).values()]]
            )
            for step in self.steps
        )
