"""What a function may be called with."""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from pforge_lab.errors import Fault, ParamError, near_misses

from . import resources
from .annotations import kind_of, or_null
from .docstrings import parameter_descriptions
from .models import describe
from .params import Param

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .annotations import Kind
    from .param_types import ParamType

_TYPES: Final[dict[object, ParamType]] = {
    str: "string", int: "integer", float: "float", bool: "boolean", list: "array", tuple: "array", dict: "object",
}  # fmt: skip
_KINDS: Final = inspect.Parameter


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a function, ready for checking.

    Attributes
    ----------
    required, accepted
        Names that must and that may be given.
    open
        Whether any name is accepted (``**kwargs``).
    positional
        Names that go by position only, in order.
    resources
        Parameters that the run fills, with their annotations and whether they have a default.
    params
        The other parameters, with types from the annotations and descriptions from the docstring.
    is_async
        Whether a call returns a coroutine.
    kinds
        The parameters whose annotations refuse some values, with what they take.
    """

    required: frozenset[str]
    accepted: frozenset[str]
    open: bool
    positional: tuple[str, ...]
    resources: tuple[tuple[str, Any, bool], ...]
    params: Mapping[str, Param]
    is_async: bool = False
    kinds: tuple[tuple[str, Kind], ...] = ()

    def check(self, arguments: Mapping[str, object], owner: str) -> None:
        """Refuse missing and unknown arguments.

        Raises
        ------
        ParamError
            With all of them, and near misses.
        """
        given = arguments.keys()
        if self.required <= given and (self.open or given <= self.accepted):
            return
        faults = [
            Fault(f"{owner} takes no such argument{near_misses(name, self.accepted)}", field=name)
            for name in given
            if not self.open and name not in self.accepted
        ]
        faults += [Fault(f"missing; {owner} needs it", field=name) for name in sorted(self.required - given)]
        raise ParamError.of(faults)

    def check_kinds(self, arguments: Mapping[str, Any], owner: str) -> None:
        """Refuse arguments that surely are not what the annotations say.

        Raises
        ------
        ParamError
            With all of them.
        """
        faults: list[Fault] = []
        for name, kind in self.kinds:
            if name in arguments:
                value = arguments[name]
                if type(value) not in kind.exact and not kind.accepts(value):
                    move = f"give {owner!r} another value, or change the annotation"
                    faults.append(Fault(f"must be {kind.name}, not {describe(value)}; {move}", field=name))
        if faults:
            raise ParamError.of(faults)


_known: WeakKeyDictionary[Any, Signature] = WeakKeyDictionary()


def signature_of(function: Callable[..., Any]) -> Signature:
    """Return the signature of a function; one look-up once it is known."""
    try:
        found = _known.get(function)
    except TypeError:  # an object that takes no weak reference is examined each time
        return _examine(function)
    if found is None:
        found = _examine(function)
        try:
            _known[function] = found
        except TypeError:
            return found
    return found


def _examine(function: Callable[..., Any]) -> Signature:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # a builtin that does not say what it takes
        return Signature(frozenset(), frozenset(), open=True, positional=(), resources=(), params={})
    annotations = _annotations(function)
    named = [p for p in parameters if p.kind not in {_KINDS.VAR_POSITIONAL, _KINDS.VAR_KEYWORD}]
    bound = _bound(function)
    held = [p for p in named if p.name not in bound and resources.is_resource(annotations.get(p.name))]
    own = [p for p in named if p not in held]
    told = parameter_descriptions(function) if own else {}
    return Signature(
        required=frozenset(p.name for p in own if p.default is p.empty),
        accepted=frozenset(p.name for p in own),
        open=any(p.kind is _KINDS.VAR_KEYWORD for p in parameters),
        positional=tuple(p.name for p in named if p.kind is _KINDS.POSITIONAL_ONLY),
        resources=tuple((p.name, annotations[p.name], p.default is not p.empty) for p in held),
        params={p.name: _param(p, annotations.get(p.name), told.get(p.name)) for p in own},
        is_async=inspect.iscoroutinefunction(function),
        kinds=() if _is_wrapped(function) else tuple(_kinds(own, annotations)),
    )


def _is_wrapped(function: Callable[..., Any]) -> bool:
    """Return whether a decorator stands before the function, which may convert what it is given."""
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function) is not function


def _bound(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names that a partial gives itself."""
    return frozenset(function.keywords) if isinstance(function, partial) else frozenset()


def _kinds(
    parameters: list[inspect.Parameter], annotations: dict[str, Any]
) -> typing.Iterator[tuple[str, Kind]]:
    """Yield what is checked of the arguments: a default that the annotation would refuse is no reason to refuse."""
    for parameter in parameters:
        annotation = annotations.get(parameter.name)
        optional = parameter.default is not parameter.empty
        kind = None if annotation is None else kind_of(annotation)
        if kind is None:
            continue
        if optional and parameter.default is not None and not kind.accepts(parameter.default):
            continue
        yield parameter.name, or_null(kind) if optional else kind


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations as objects, each on its own: one that cannot be resolved hides no other."""
    inner = inspect.unwrap(function)
    while isinstance(inner, partial):
        inner = inspect.unwrap(inner.func)
    inner = getattr(inner, "__func__", inner)
    if isinstance(inner, type):
        inner = vars(inner).get("__init__", inner)
    elif not isinstance(inner, types.FunctionType):
        inner = vars(type(inner)).get("__call__", inner)
    raw = getattr(inner, "__annotations__", {})
    names = getattr(inner, "__globals__", {})
    return {name: _resolved(annotation, names) for name, annotation in raw.items()}


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """Return an annotation as an object; None for one that is of no use, its text where it names a resource."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            return _resolved(eval(annotation, names), names)  # noqa: S307 -- as Python itself evaluates the annotation of this function
        except Exception:  # noqa: BLE001 -- names that only type checkers see
            return typing.ForwardRef(annotation) if resources.names_resource(annotation) else None
    if typing.get_origin(annotation) not in {typing.Union, types.UnionType}:
        return annotation
    parts = [_resolved(part, names) for part in typing.get_args(annotation)]
    return None if any(part is None for part in parts) else typing.Union[tuple(parts)]  # noqa: UP007 -- of so many parts


def _param(parameter: inspect.Parameter, annotation: Any, description: str | None) -> Param:
    kind = _type_of(annotation)
    if parameter.default is parameter.empty:
        return Param(type=kind, description=description, nullable=kind != "any" and _takes_none(annotation))
    if not is_plain(parameter.default):
        return Param(type="any", required=False, description=description)
    fits = parameter.default is None or Param(type=kind).fault(parameter.default) is None
    return Param(type=kind if fits else "any", default=parameter.default, description=description)


def _takes_none(annotation: Any) -> bool:
    union = typing.get_origin(annotation) in {typing.Union, types.UnionType}
    return union and type(None) in typing.get_args(annotation)


def _type_of(annotation: Any) -> ParamType:
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType}:
        kinds = {_type_of(part) for part in typing.get_args(annotation) if part is not type(None)}
        return kinds.pop() if len(kinds) == 1 else "any"
    return _TYPES.get(origin or annotation, "any") if _hashable(annotation) else "any"


def _hashable(value: object) -> bool:
    return getattr(type(value), "__hash__", None) is not None


def is_plain(value: object) -> bool:
    """Return whether a value can stand in a definition: no objects, only data.

    Examples
    --------
    >>> is_plain([1, {"a": None}]), is_plain(object())
    (True, False)
    """
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)
