"""What single steps and blocks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, StrictInt, StrictStr, field_validator

from .models import Model
from .policies import ConditionText, ErrorPolicy, Transition  # noqa: TC001 - pydantic reads the annotations
from .templates import Condition, compile_condition


class StepBase(Model):
    """What single steps and blocks have in common.

    Attributes
    ----------
    label
        The step's name among the steps; the tool's, or ``parallel``, by default.
    condition
        An expression; the step is skipped where it does not hold.
    error_policy
        ``fail_fast`` ends the run at an error, ``continue`` goes on without the output.
    max_parallel
        How many calls are made at a time.
    next
        Where to go afterwards: a label, or transitions of which the first that holds is taken; else the next step.
    description
        One line about the step.
    """

    label: StrictStr | None = None
    condition: ConditionText | None = None
    error_policy: ErrorPolicy = "fail_fast"
    max_parallel: StrictInt | None = Field(default=None, ge=1)
    next: list[Transition] | None = None
    description: StrictStr | None = None

    @field_validator("condition", mode="before")
    @classmethod
    def _boolean(cls, condition: Any) -> Any:
        return str(condition).lower() if isinstance(condition, bool) else condition

    @field_validator("label")
    @classmethod
    def _named(cls, label: str | None) -> str | None:
        if label is not None and (not label.strip() or "#" in label):
            raise ValueError("a label is some text without '#'; '#2' names its second record")
        return label

    @field_validator("next", mode="before")
    @classmethod
    def _transitions(cls, data: Any) -> Any:
        if isinstance(data, str):
            return [{"goto": data}]
        return [data] if isinstance(data, Mapping) else data

    @property
    def compiled_condition(self) -> Condition | None:
        """The condition, compiled."""
        return None if self.condition is None else compile_condition(self.condition)


def plain_next(step: StepBase) -> dict[str, Any]:
    """Return where a step goes, as plain data."""
    if step.next is None:
        return {}
    return {"next": [way.model_dump(mode="json", by_alias=True, exclude_defaults=True) for way in step.next]}
