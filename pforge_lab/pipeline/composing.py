"""Pipelines of functions that are named for what they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .names import name_of
from .params import Param, read_param
from .signatures import signature_of
from .steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .functions import Function
    from .models import Faults


def compose(functions: Sequence[Function], faults: Faults) -> tuple[dict[str, Param], list[Step]]:
    """Return the params and the steps of functions in the order they execute, noting faults."""
    names = [name_of(function) for function in functions]
    params: dict[str, Param] = {}
    steps: list[Step] = []
    for i, function in enumerate(functions):
        given = _inputs(function, i, names, params, faults)
        with faults.collect(f"steps.{i}"):
            steps.append(Step(function, input={n: f"{{{{ {n} }}}}" for n in given}, output_var=names[i]))
    return params, steps


def _inputs(
    function: Function, index: int, names: list[str], params: dict[str, Param], faults: Faults
) -> list[str]:
    """Return the parameters that a function takes from the scope, adding what becomes a param."""
    if names[index] in names[:index]:
        faults.add(f"two functions are named {names[index]!r}; give one another name", f"steps.{index}")
    given: list[str] = []
    for name, param in signature_of(function).params.items():
        if name in names[index:]:
            which = "itself" if names.index(name) == index else f"{name!r}, which comes later"
            faults.add(f"{names[index]!r} needs {which}; put it after what it needs", f"steps.{index}")
        elif name in names[:index]:
            given.append(name)
        elif param.has_default or param.required is not False:
            given.append(name)
            known = params.setdefault(name, param)
            if known.has_default and param.has_default and known.default != param.default:
                faults.add(
                    f"{name!r} is {param.default!r} by default here and {known.default!r} in a function before; "
                    "make them the same, or write the pipeline with steps",
                    f"steps.{index}",
                )
            elif known != param:
                params[name] = _joined(known, param)
    return given


def _joined(one: Param, other: Param) -> Param:
    """Return the param that two functions share: the type and the default of the one that says more."""
    kind = one.type if other.type in (one.type, "any") else other.type if one.type == "any" else "any"
    default = one if one.has_default else other
    nullable = kind != "any" and one.nullable and other.nullable
    fields = {"type": kind, "description": one.description or other.description, "nullable": nullable}
    return read_param(fields | ({"default": default.default} if default.has_default else {}))
