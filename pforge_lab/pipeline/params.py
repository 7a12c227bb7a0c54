"""Parameters: their types, and the values that callers give."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from numbers import Real
from typing import Any, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator, model_validator

from pforge_lab.errors import Fault, ParamError, SpecError, near_misses

from .models import Faults, Model, Number, describe, read
from .param_types import ACCEPTS, HINTS, JSON_TYPES, PARSERS, TYPES, ParamType, an, is_number


class Param(Model):
    """One parameter.

    One that is not required, has no default and is not given is None in a pipeline, left out in a function.

    Attributes
    ----------
    type
        ``string integer float number boolean array object any``. No value is converted: ``"3"``
        is no integer. An integer is a float, a boolean is no integer; ``array`` takes lists,
        tuples, sets and numpy or pandas sequences, ``object`` mappings and instances.
    required
        Whether a value must be given; by default, other than in pforge, one must unless there is a default.
    default
        The value where none is given; null is one.
    description
        One line, which errors about a missing value say.
    min
        The least number.
    max
        The greatest number.
    min_length
        The least length of a text, an array or an object.
    max_length
        The greatest one.
    pattern
        Regular expression found in the text.
    enum
        The values there are.
    items
        What each element of an array must be.
    nullable
        Whether None is a value of it too.
    """

    type: ParamType = "any"
    required: StrictBool | None = None
    default: Any = None
    description: StrictStr | None = None
    min: Number | None = None
    max: Number | None = None
    pattern: StrictStr | None = None
    min_length: StrictInt | None = Field(default=None, ge=0)
    max_length: StrictInt | None = Field(default=None, ge=0)
    enum: list[Any] | None = None
    items: Param | None = None
    nullable: StrictBool = False

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return {"type": data} if isinstance(data, str) else data
        fields = dict(data)
        validation = fields.pop("validation", None)
        if isinstance(validation, Mapping):
            fields |= validation
        for name, ours in (("minimum", "min"), ("maximum", "max")):
            if name in fields:
                fields[ours] = fields.pop(name)
        return fields

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        if self.has_default and self.default is not None and (message := self.fault(self.default)):
            raise ValueError(f"the default {message}")
        return self

    @property
    def has_default(self) -> bool:
        """Whether a default was given, be it null."""
        return "default" in self.model_fields_set

    @property
    def is_required(self) -> bool:
        """Whether a caller must give a value."""
        return not self.has_default if self.required is None else self.required and not self.has_default

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value, or None."""
        if value is None and self.nullable:
            return None
        for check in self._checks:
            if message := check(value):
                return message
        return None

    @cached_property
    def _checks(self) -> tuple[Callable[[Any], str | None], ...]:
        accepts = ACCEPTS[self.type]
        checks: list[Callable[[Any], str | None]] = []
        if accepts is not None:
            checks.append(
                lambda value: None if accepts(value) else f"must be {an(self.type)}, not {describe(value)}"
            )
        checks += [self._bounds] * (self.min is not None or self.max is not None)
        checks += [self._length] * (self.min_length is not None or self.max_length is not None)
        checks += [self._pattern] * (self.pattern is not None)
        checks += [self._enum] * (self.enum is not None)
        checks += [self._items] * (self.items is not None)
        return tuple(checks)

    def _bounds(self, value: Any) -> str | None:
        if not isinstance(value, Real):
            return None if self.type != "any" else f"must be a number, not {describe(value)}"
        if self.min is not None and not float(value) >= self.min:
            return f"must be at least {self.min:g}, not {value}"
        if self.max is not None and not float(value) <= self.max:
            return f"must be at most {self.max:g}, not {value}"
        return None

    def _length(self, value: Any) -> str | None:
        try:
            length = len(value)
        except TypeError:
            return f"must have a length, unlike {describe(value)}"
        if self.min_length is not None and length < self.min_length:
            return f"must have a length of at least {self.min_length}, not {length}"
        if self.max_length is not None and length > self.max_length:
            return f"must have a length of at most {self.max_length}, not {length}"
        return None

    def _pattern(self, value: Any) -> str | None:
        if isinstance(value, str) and re.search(self.pattern or "", value):
            return None
        return f"must match {self.pattern!r}, unlike {describe(value)}"

    def _enum(self, value: Any) -> str | None:
        choices = self.enum or []
        if any(type(choice) is type(value) and choice == value for choice in choices):
            return None
        if is_number(value) and any(is_number(choice) and choice == value for choice in choices):
            return None
        return f"must be one of {', '.join(map(repr, choices))}, not {describe(value)}"

    def _items(self, value: Any) -> str | None:
        if self.items is None:
            return None
        for i, item in enumerate(value):
            if message := self.items.fault(item):
                return f"item {i} {message}"
        return None

    def schema_dict(self) -> dict[str, Any]:
        """Return the parameter as JSON schema."""
        schema: dict[str, Any] = {} if self.type == "any" else {"type": self._json_type()}
        length = {"array": "Items", "object": "Properties"}.get(self.type, "Length")
        named = {
            "description": self.description, "minimum": self.min, "maximum": self.max, "pattern": self.pattern,
            "enum": self.enum, f"min{length}": self.min_length, f"max{length}": self.max_length,
        }  # fmt: skip
        schema |= {name: value for name, value in named.items() if value is not None}
        if self.items is not None:
            schema["items"] = self.items.schema_dict()
        return schema | ({"default": self.default} if self.has_default else {})

    def _json_type(self) -> str | list[str]:
        kind = JSON_TYPES[self.type]
        return [kind, "null"] if self.nullable else kind

    def plain(self) -> dict[str, Any]:
        """Return the definition as plain data."""
        fields = super().plain()
        if self.items is not None:
            fields["items"] = self.items.plain()
        return {"type": self.type} | fields | ({"default": self.default} if self.has_default else {})


def read_params(data: object) -> dict[str, Param]:
    """Return the params of a definition.

    Raises
    ------
    SpecError
        With all faults of all params.

    Examples
    --------
    >>> params = read_params({"source": "string", "month": {"type": "integer", "default": 0, "max": 12}})
    >>> params["month"].fault("3")
    "must be an integer, not '3' (string)"
    """
    if not isinstance(data, Mapping):
        raise SpecError.of([Fault(f"must be a mapping of names to types, not {describe(data)}")])
    faults = Faults()
    params: dict[str, Param] = {}
    for name, definition in data.items():
        with faults.collect(str(name)):
            params[str(name)] = read_param(definition)
    faults.raise_if_any()
    return params


def read_param(definition: object) -> Param:
    """Return one param; a bare type such as ``"string"`` is short for a required one of that type."""
    if isinstance(definition, str):
        if definition not in TYPES:
            raise SpecError.of([Fault(f"unknown type {definition!r}{near_misses(definition, TYPES)}")])
        return Param(type=definition)  # type: ignore[arg-type]  # just checked
    return read(Param, definition)


def check_values(
    params: Mapping[str, Param], values: Mapping[str, object], owner: str, *, fill: bool = True
) -> dict[str, object]:
    """Return the values with defaults filled in; with `fill`, None for what is optional and has none.

    Raises
    ------
    ParamError
        With everything that is missing, unknown or wrong.
    """
    faults = [_unknown(name, params, owner) for name in values if name not in params]
    checked: dict[str, object] = {}
    for name, param in params.items():
        if name in values:
            value = values[name]
            optional = value is None and not param.is_required
            if not optional and (message := param.fault(value)):
                faults.append(Fault(message, field=name))
            checked[name] = value
        elif param.is_required:
            faults.append(Fault(f"missing; {owner} needs this {_typed(param)}", field=name))
        elif fill or param.has_default:
            checked[name] = _fresh(param.default)
    if faults:
        raise ParamError.of(faults)
    return checked


def _typed(param: Param) -> str:
    named = "value" if param.type == "any" else param.type
    return f"{named} ({param.description})" if param.description else named


def _unknown(name: str, params: Mapping[str, Param], owner: str) -> Fault:
    return Fault(f"{owner} has no such param{near_misses(str(name), params)}", field=str(name))


def _fresh(default: Any) -> Any:
    """Return a copy of a default, so that a tool that changes it does not change the definition."""
    if isinstance(default, list):
        return [_fresh(item) for item in default]
    if isinstance(default, dict):
        return {name: _fresh(item) for name, item in default.items()}
    return default


def parse_texts(params: Mapping[str, Param], texts: Mapping[str, str], owner: str) -> dict[str, object]:
    """Return the values that texts from a command line stand for, by declared type.

    Raises
    ------
    ParamError
        With every unknown name and every text that cannot be read.
    """
    faults: list[Fault] = []
    values: dict[str, object] = {}
    for name, text in texts.items():
        if name not in params:
            faults.append(_unknown(name, params, owner))
            continue
        try:
            values[name] = PARSERS[params[name].type](text)
        except (ValueError, RecursionError):
            faults.append(
                Fault(f"{text!r} is no {params[name].type}{HINTS.get(params[name].type, '')}", field=name)
            )
    if faults:
        raise ParamError.of(faults)
    return values
