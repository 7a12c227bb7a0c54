"""The base of every part of a pipeline definition, and how its faults become a `SpecError`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pforge_lab.errors import Fault, SpecError, near_misses

if TYPE_CHECKING:
    from collections.abc import Iterator

M = TypeVar("M", bound="Model")


class Model(BaseModel):
    """Immutable, and closed to fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, validate_default=False)

    @classmethod
    def field_names(cls) -> list[str]:
        """Return the names a definition may use."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    def plain(self) -> dict[str, Any]:
        """Return what was set and differs from the default, as plain data."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class Faults(list[Fault]):
    """The faults of a definition while it is read, so that all are told at once."""

    @contextmanager
    def collect(self, at: str = "") -> Iterator[None]:
        """Take over the faults of what is read inside, their fields prefixed by `at`."""
        try:
            yield
        except SpecError as error:
            self.extend(replace(fault, field=join(at, fault.field)) for fault in error.faults)

    def add(self, message: str, at: str = "") -> None:
        """Note one fault."""
        self.append(Fault(message, field=at or None))

    def raise_if_any(self) -> None:
        """Raise one `SpecError` of all faults."""
        if self:
            raise SpecError.of(self)


def join(at: str, field: str | None) -> str | None:
    """Return the dotted path of a field inside `at`."""
    return ".".join(part for part in (at, field) if part) or None


def read(model: type[M], data: object) -> M:
    """Return `data` as a `model`.

    Raises
    ------
    SpecError
        With all faults of `data`: unknown fields with near misses, missing ones, wrong types.
    """
    if isinstance(data, model):
        return data
    if not isinstance(data, Mapping):
        raise SpecError.of([Fault(f"must be a mapping with {_listed(model)}, not {describe(data)}")])
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise SpecError.of(faults_of(error, model)) from None


def faults_of(error: ValidationError, model: type[Model]) -> list[Fault]:
    """Return what pydantic found, in our words."""
    return [_fault(found, model) for found in error.errors(include_url=False)]


def _fault(found: Any, model: type[Model]) -> Fault:
    path = ".".join(str(part) for part in found["loc"])
    kind = found["type"]
    if kind == "extra_forbidden":
        name = str(found["loc"][-1])
        return Fault(f"unknown field {name!r}{near_misses(name, model.field_names())}", field=path)
    if kind == "missing":
        return Fault(f"the field {found['loc'][-1]!r} is missing", field=path)
    if kind == "value_error":
        return Fault(str(found["ctx"]["error"]), field=path or None)
    if kind == "literal_error":
        value = found["input"]
        choices = found["ctx"]["expected"]
        return Fault(f"must be {choices}, not {value!r}", field=path)
    message = (
        str(found["msg"])
        .replace("Input should be a valid", "must be a")
        .replace("Input should be", "must be")
    )
    return Fault(f"{message}, not {describe(found['input'])}", field=path or None)


def describe(value: object) -> str:
    """Return a short description of a wrong value: what it is and its type.

    Examples
    --------
    >>> describe("3")
    "'3' (string)"
    >>> describe(None)
    'null'
    """
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "float", str: "string", list: "array", dict: "object"}
    kind = names.get(type(value), type(value).__name__)
    if isinstance(value, (bool, int, float, str)):
        shown = repr(value)
        return f"{shown if len(shown) <= 60 else shown[:57] + '...'} ({kind})"
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _listed(model: type[Model]) -> str:
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    return ", ".join(repr(name) for name in required or model.field_names()[:3])
