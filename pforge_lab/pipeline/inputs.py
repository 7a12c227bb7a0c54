"""The params of a pipeline, and what is given for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pforge_lab.errors import Fault, ParamError

from .flowing import Flowing
from .models import describe
from .params import Param, check_values, parse_texts


class Inputs(Flowing):
    """What a pipeline starts with. A base of `Pipeline`."""

    description: str | None
    declares_params: bool
    params: dict[str, Param]

    def check_params(self, values: Mapping[str, object] | None) -> dict[str, object]:
        """Return the values a run starts with: those given, and the defaults.

        Raises
        ------
        ParamError
            With everything that is missing, unknown or of the wrong type. Nothing is converted:
            ``"3"`` is no integer.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
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
        >>> from pforge_lab.pipeline.spec import Pipeline
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

    def schema(self) -> dict[str, Any]:
        """Return the params as JSON schema.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
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
