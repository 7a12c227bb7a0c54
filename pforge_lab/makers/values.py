"""Python's objects from data that nobody vouches for.

Each function stands for one that a stream names, takes what the stream gives it, and makes the object
only if that costs no more than the stream is long, and reads no memory but its own.
"""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import pathlib
import random
import types
import uuid
import zoneinfo
from collections import Counter, deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cloudpickle

from pforge_lab import pickler
from pforge_lab.errors import UntrustedData
from pforge_lab.makers.checks import exports_bytes, require

if TYPE_CHECKING:
    from collections.abc import Callable

_BITS = 1 << 18  # of a number that others are divided by: dividing takes the square of them
_NODES, _DEPTH = 1_000_000, 200  # of what is hashed: Python does neither remember nor count
_LISTED = (bytes, bytearray, dict, frozenset, list, set, str, tuple)


def require_hashable(key: Any) -> None:
    """Raise ValueError if the hash of a key would take forever, or more stack than there is."""
    if not isinstance(key, (tuple, frozenset)):
        return
    seen, left = 0, [(key, 0)]
    while left:
        value, depth = left.pop()
        seen += len(value)
        require(seen <= _NODES and depth <= _DEPTH, "a key")
        left += [(part, depth + 1) for part in value if isinstance(part, (tuple, frozenset))]


def _listed(kind: Any, arguments: tuple[Any, ...], most: int = 1) -> None:
    require(len(arguments) <= most and all(type(each) in _LISTED for each in arguments[:1]), kind.__name__)
    if kind in (set, frozenset, Counter):
        for key in arguments[0] if arguments else ():
            require_hashable(key)


def container(kind: Any) -> Any:
    """Return what makes a container of another that the stream holds: not of a range, or an endless view."""

    def make(*arguments: Any) -> Any:
        _listed(kind, arguments)
        return kind(*arguments)

    return make


def queue(*arguments: Any) -> Any:
    """Return a ``deque``."""
    _listed(deque, arguments, 2)
    return deque(*arguments)


def data(kind: Any) -> Any:
    """Return what makes ``bytes`` or ``bytearray`` of bytes: not of a number of them."""

    def make(*arguments: Any) -> Any:
        require(len(arguments) <= 1 and all(exports_bytes(each) for each in arguments), kind.__name__)
        return kind(*arguments)

    return make


def of_types(kind: Any, *allowed: type) -> Any:
    """Return what makes a value of arguments of some types, and subclasses of none."""

    def make(*arguments: Any) -> Any:
        require(all(type(each) in allowed for each in arguments), kind.__name__)
        return kind(*arguments)

    return make


def fraction(numerator: Any = 0, denominator: Any = 1) -> Fraction:
    """Return a fraction of two numbers, neither of them a text."""
    for number in (numerator, denominator):
        require(type(number) is int and number.bit_length() <= _BITS, "a fraction")
    return Fraction(numerator, denominator)


def number_array(kind: Any, code: Any, form: Any, content: Any) -> Any:
    """Return an ``array.array``."""
    require(kind is array.array and type(code) is str and type(form) is int, "an array of numbers")
    require(type(content) is bytes, "an array of numbers")
    return array._array_reconstructor(kind, code, form, content)  # type: ignore[attr-defined]


def builtin_type(name: Any) -> Any:
    """Return a class that has no name in a module, as cloudpickle names it."""
    require(name == "SimpleNamespace", "a class")
    return types.SimpleNamespace


def of_dict(kind: Any, mapping: Any) -> Any:
    """Return a view of a dict."""
    require(type(kind) is str and type(mapping) is dict, "a view of a dict")
    return pickler._of_dict(kind, mapping)


def default_dict(factory: Any = None) -> Any:
    """Return a dict with a default, which is a class or nothing."""
    require(factory is None or isinstance(factory, type), "a defaultdict")
    return collections.defaultdict(factory)


def narrow_getattr(owner: Any, name: str) -> Any:
    """Return the one attribute that a stream may ask for: what makes a time zone."""
    if owner is zoneinfo.ZoneInfo and name == "_unpickle":
        return zone
    raise UntrustedData(
        f"the data asks for attribute {name!r} of {owner!r}, which is not on the safe list", name=name
    )


def zone(key: Any, from_cache: Any) -> Any:
    """Return a time zone."""
    require(type(key) is str, "a time zone")
    return zoneinfo.ZoneInfo._unpickle(key, from_cache)  # type: ignore[attr-defined]


def made_uuid(arguments: Any, state: Any) -> uuid.UUID:
    """Return a UUID."""
    require(not arguments and type(state["int"]) is int, "a UUID")
    return uuid.UUID(int=state["int"])


_PATHS = (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.WindowsPath)
OPEN = (  # what may be given attributes
    *(collections.ChainMap, collections.Counter, collections.OrderedDict, collections.defaultdict, deque),
    *(random.Random, types.SimpleNamespace),
)
BUILDS: dict[Any, Callable[[Any, Any], Any]] = {uuid.UUID: made_uuid}
CALLS: dict[Any, Callable[..., Any]] = {
    **{
        kind: container(kind)
        for kind in (set, frozenset, list, tuple, dict, Counter, collections.OrderedDict)
    },
    **{kind: data(kind) for kind in (bytes, bytearray)},
    **{path: of_types(path, str) for path in _PATHS},
    **{kind: of_types(kind) for kind in (object, random.Random, types.SimpleNamespace, collections.ChainMap)},
    array._array_reconstructor: number_array,  # type: ignore[attr-defined]
    cloudpickle.cloudpickle._builtin_type: builtin_type,
    collections.defaultdict: default_dict,
    complex: of_types(complex, int, float),
    deque: queue,
    decimal.Decimal: of_types(decimal.Decimal, str),
    dt.date: dt.date,
    dt.datetime: dt.datetime,
    dt.time: dt.time,
    dt.timedelta: of_types(dt.timedelta, int),
    dt.timezone: dt.timezone,
    Fraction: fraction,
    getattr: narrow_getattr,
    range: of_types(range, int),
    slice: slice,
    uuid.SafeUUID: of_types(uuid.SafeUUID, int, type(None)),
    pickler._of_dict: of_dict,
    zone: zone,
}
