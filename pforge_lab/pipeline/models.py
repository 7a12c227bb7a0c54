"""The base of every part of a pipeline definition, and how its faults become a `SpecError`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from pforge_lab.errors import Fault, SpecError, near_misses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

M = TypeVar("M", bound="Model")


class Model(BaseModel):
    """Immutable, and closed to fields it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, ser_json_inf_nan="constants"
    )

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
            if not error.faults:
                raise
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


class NestedFaults(ValueError):
    """The faults of a part that a validator read."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)


@contextmanager
def inside_validator() -> Iterator[None]:
    """Let the faults of what a validator reads inside pass through pydantic whole."""
    try:
        yield
    except SpecError as error:
        raise NestedFaults(error.faults) from None


def faults_of(error: ValidationError, model: type[Model]) -> list[Fault]:
    """Return what pydantic found, in our words."""
    return [fault for found in error.errors(include_url=False) for fault in _faults(found, model)]


def _faults(found: Any, model: type[Model]) -> list[Fault]:
    path = ".".join(str(part) for part in found["loc"])
    nested = found.get("ctx", {}).get("error")
    if isinstance(nested, NestedFaults):
        return [replace(fault, field=join(path, fault.field)) for fault in nested.faults]
    return [Fault(_message(found, model), field=path or None)]


def _message(found: Any, model: type[Model]) -> str:
    kind, value = found["type"], found["input"]
    if kind == "extra_forbidden":
        name = str(found["loc"][-1])
        return f"unknown field {name!r}{near_misses(name, _model_at(model, found['loc'][:-1]).field_names())}"
    if kind == "missing":
        return f"the field {found['loc'][-1]!r} is missing"
    if kind == "value_error":
        return str(found["ctx"]["error"])
    if kind == "literal_error":
        return f"must be {found['ctx']['expected']}, not {value!r}"
    if kind in {"string_too_short", "too_short"}:
        return "must not be empty"
    message = (
        str(found["msg"])
        .replace("Input should be a valid", "must be a")
        .replace("Input should be", "must be")
    )
    message = message.replace("dictionary", "mapping").replace("greater than or equal to", "at least")
    return f"{message}, not {describe(value)}"


def _model_at(model: type[Model], path: Iterable[Any]) -> type[Model]:
    """Return the model of the part at a path, or `model` where the path leads to none."""
    for part in path:
        field = next((f for name, f in model.model_fields.items() if part in {name, f.alias}), None)
        if field is not None:
            kinds = (field.annotation, *get_args(field.annotation))
            model = next(
                (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Model)), model
            )
    return model


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {describe(value)}")  # noqa: TRY004 - pydantic wants a ValueError
    return value


def _above_zero(value: Any) -> Any:
    if not _number(value) > 0:
        raise ValueError(f"must be above 0, not {value}")
    return value


def _not_negative(value: Any) -> Any:
    if not _number(value) >= 0:
        raise ValueError(f"must be at least 0, not {value}")
    return value


Number = Annotated[Any, PlainValidator(_number, json_schema_input_type=float)]
"""An integer or a float, kept as it is."""

Positive = Annotated[Any, PlainValidator(_above_zero, json_schema_input_type=Annotated[float, Field(gt=0)])]
"""A number above 0, kept as it is."""

NotNegative = Annotated[
    Any, PlainValidator(_not_negative, json_schema_input_type=Annotated[float, Field(ge=0)])
]
"""A number from 0, kept as it is."""


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
