"""The simple fields of a pipeline: what stands in a definition beside params, steps and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, StrictBool, StrictInt, StrictStr

from pforge_lab.errors import Fault, SpecError, near_misses

from .models import Model, Positive, read

if TYPE_CHECKING:
    from collections.abc import Mapping


class Memory(Model):
    """What a run does to need less memory.

    Attributes
    ----------
    drop_unused
        Drop variables that no later step reads, and give freed memory back.
    """

    drop_unused: StrictBool = False


class Head(Model):
    """The simple fields of a pipeline."""

    name: StrictStr = Field(min_length=1)
    description: StrictStr | None = None
    memory: Memory = Memory()
    keep: tuple[StrictStr, ...] = ()
    max_steps: StrictInt = Field(default=1000, ge=1)
    timeout_ms: Positive | None = None


def read_head(fields: Mapping[str, Any]) -> Head:
    """Return the simple fields.

    Raises
    ------
    SpecError
        With all that is wrong with them, and every field that is none of a pipeline's.
    """
    keep = fields.get("keep")
    if isinstance(keep, list | set | frozenset):
        fields = {**fields, "keep": tuple(keep)}
    try:
        return read(Head, fields)
    except SpecError as error:
        known = [*Head.field_names(), "params", "steps", "tools"]
        faults = [
            Fault(f"unknown field {fault.field!r}{near_misses(fault.field or '', known)}", field=fault.field)
            if fault.message.startswith("unknown field") and "." not in (fault.field or "")
            else fault
            for fault in error.faults
        ]
        raise SpecError.of(faults) from None
