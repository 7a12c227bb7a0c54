"""What happens around the call of a tool: attempts, and where to go afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StrictInt, StrictStr, model_validator

from .models import Model, NotNegative, inside_validator
from .templates import compile_condition

ErrorPolicy = Literal["fail_fast", "continue"]
END: Final = "end"
"""The goto that ends a pipeline."""


class Retry(Model):
    """How often a tool is called when it fails, and how long to wait in between.

    Attributes
    ----------
    attempts
        Calls at most, the first one included.
    backoff
        Seconds before the second call; doubled for each further one.
    max_backoff
        Seconds to wait at most.
    jitter
        Seconds of random delay added at most, so that many clients do not retry in step;
        by default as long as `backoff`.
    """

    attempts: StrictInt = Field(default=3, ge=1)
    backoff: NotNegative = 0.1
    max_backoff: NotNegative = 30.0
    jitter: NotNegative | None = None

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, data: Any) -> Any:
        if isinstance(data, int) and not isinstance(data, bool):
            return {"attempts": data}
        if not isinstance(data, Mapping):
            return data
        fields = dict(data)
        if "max_attempts" in fields:
            fields["attempts"] = fields.pop("max_attempts")
        if isinstance(fields.get("backoff_ms"), int | float):
            fields["backoff"] = fields.pop("backoff_ms") / 1000
        return fields


def _compiled(condition: str) -> str:
    with inside_validator():
        compile_condition(condition)
    return condition


ConditionText = Annotated[StrictStr, AfterValidator(_compiled)]
"""A condition that compiles."""


class Transition(Model):
    """Where to go after a step.

    Attributes
    ----------
    if
        An expression; without one the transition is taken always.
    goto
        The label of a step, or ``end``.
    """

    if_: ConditionText | None = Field(default=None, alias="if")
    goto: StrictStr
