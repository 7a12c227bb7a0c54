"""What the definitions of all kinds of tools have in common."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictStr, field_validator

from pforge_lab.pipeline.models import Model, Positive, inside_validator
from pforge_lab.pipeline.params import Param, read_params
from pforge_lab.pipeline.policies import Retry  # noqa: TC001 -- pydantic reads the annotation


class Definition(Model):
    """A tool as a file declares it.

    Attributes
    ----------
    name
        What steps call it.
    description
        One line about the tool.
    params
        Types, or definitions, of its arguments by name: they are checked before each call.
    timeout_ms
        Milliseconds that one call may take; a step's own goes first.
    retry
        How often it is called when it fails: a mapping, or the number of attempts; a step's own goes first.
    type
        Which kind of tool it is.
    """

    name: StrictStr = Field(min_length=1)
    description: StrictStr | None = None
    params: dict[str, Param] | None = None
    timeout_ms: Positive | None = None
    retry: Retry | None = None

    @field_validator("params", mode="before")
    @classmethod
    def _params(cls, data: Any) -> Any:
        if data is None:
            return None
        with inside_validator():
            return read_params(data)

    @property
    def timeout(self) -> float | None:
        """Seconds that one call may take."""
        return None if self.timeout_ms is None else self.timeout_ms / 1000

    def plain(self) -> dict[str, Any]:
        """Return the definition as plain data, as YAML has it."""
        head: dict[str, Any] = {"type": getattr(self, "type", None), "name": self.name}
        fields = head | super().plain()
        if self.params is not None:
            fields["params"] = {name: param.plain() for name, param in self.params.items()}
        if self.retry is not None:
            fields["retry"] = self.retry.model_dump(exclude_unset=True, by_alias=True) or {"attempts": 3}
        return fields
