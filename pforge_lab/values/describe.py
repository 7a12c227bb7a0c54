"""What a value is, in one short line, at a cost of microseconds whatever it holds.

Nothing here calls the ``repr`` of a class it does not know, reads a property of one, or walks a
container: types are told by the names in their method resolution order, so no library is imported
to recognise its objects.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from pforge_lab.values.classes import attributes, class_name, type_names
from pforge_lab.values.format import count, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Parts = tuple[str, str, str]

_ITEMS = 4
_COLUMNS = 8
_TEXT = 40
_LINE = 100
_SHORT = 10**50  # integers below need no look at how many digits they have
_DIGITS_BITS = 1000  # integers beyond this are described by their size: their digits cost quadratic time
PLAIN = frozenset({
    "builtins.bool", "builtins.float", "builtins.complex", "builtins.NoneType", "builtins.ellipsis",
    "builtins.range", "builtins.NotImplementedType", "datetime.date", "datetime.timedelta",
    "datetime.time", "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "uuid.UUID", "pathlib.PurePath", "pathlib._local.PurePath",
    "numpy.generic", "pandas.Interval", "pandas._libs.tslibs.base.ABCTimestamp", "pandas._libs.tslibs.timedeltas._Timedelta",
    "pandas.Period", "pandas._libs.missing.C_NAType", "pandas._libs.tslibs.nattype._NaT",
})  # fmt: skip
_CALLABLES = frozenset({
    "builtins.function", "builtins.builtin_function_or_method", "builtins.method", "builtins.type",
    "builtins.module",
})  # fmt: skip
_SHAPED = frozenset(
    {"torch", "jax", "jaxlib", "cupy", "scipy", "xarray", "dask", "tensorflow", "polars", "pyarrow"}
)


def describe(value: object) -> tuple[str, str, str]:
    """Return type, shape and a one-line preview of a value.

    The shape is empty where there is none. Costs microseconds and reads a handful of items whatever
    the size of the value; never raises, and shows what a broken class raises in place of its value.

    Examples
    --------
    >>> describe({"by": "carrier", "limit": 15})
    ('dict', '2 keys', "{'by': 'carrier', 'limit': 15}")
    >>> describe("day.csv")
    ('str', '7 characters', "'day.csv'")
    >>> import pandas as pd
    >>> describe(pd.DataFrame({"carrier": ["UA", "AA"], "delay": [2.0, 33.0]}))
    ('DataFrame', '2 x 2', 'carrier, delay')
    """
    kind = type(value)
    if kind is float or kind is bool or (kind is int and -_SHORT < value < _SHORT):  # type: ignore[operator]
        return kind.__name__, "", repr(value)
    name = class_name(value)
    try:
        return _describe(value, name)
    except Exception as error:  # noqa: BLE001 - the class is the user's and may raise anything
        return name, "", f"<{name}: {type(error).__name__} when looked at>"


def sketch(value: object, depth: int = 2) -> str:
    """Return a value in one bounded line, as ``repr`` would write it where that is cheap.

    Examples
    --------
    >>> sketch([1, "two", {"three": 3.0}, None, 5, 6])
    "[1, 'two', {'three': 3.0}, None, … 2 more]"
    >>> class Model:
    ...     def __init__(self): self.alpha = 0.1
    >>> sketch(Model())
    'Model(alpha=0.1)'
    """
    try:
        return _sketch(value, depth)
    except Exception as error:  # noqa: BLE001 - the class is the user's and may raise anything
        return f"<{class_name(value)}: {type(error).__name__} when looked at>"


def _describe(value: Any, name: str) -> Parts:
    known = type_names(value)
    for full in known:
        if describer := _DESCRIBERS.get(full):
            return describer(value, name)
    if known[0].partition(".")[0] in _SHAPED:
        return _shaped(value, name)
    return name, "", shorten(sketch(value), _LINE)


def _frame(value: Any, name: str) -> Parts:
    columns = value.columns
    shown = columns[:_COLUMNS].tolist()
    return name, f"{len(value.index)} x {len(columns)}", _names(shown, len(columns))


def _names(columns: list[Any], total: int) -> str:
    left = total - _COLUMNS
    shown = shorten(", ".join(map(_name, columns[:_COLUMNS])), _LINE)
    return f"{shown} … {left:,} more" if left > 0 else shown


def _name(label: object) -> str:
    return shorten(label, _TEXT) if isinstance(label, str) else sketch(label)


def _pandas(value: Any, name: str) -> Parts:
    first = (value.iloc if hasattr(value, "iloc") else value)[:_ITEMS].tolist()
    return _elements(name, value.dtype, str(len(value)), first, len(value))


def _arrow(value: Any, name: str) -> Parts:
    return _elements(name, value.type, str(len(value)), value[:_ITEMS].to_pylist(), len(value))


def _array(value: Any, name: str) -> Parts:
    return _elements(name, value.dtype, shape_of(value), value.flat[:_ITEMS].tolist(), value.size)


def _elements(name: str, kind: Any, shape: str, first: list[Any], total: int) -> Parts:
    shown = shorten(", ".join(sketch(item, 1) for item in first), _LINE)
    return f"{name} {shorten(str(kind), _TEXT)}", shape, shown + (", …" if total > _ITEMS else "")


def _shaped(value: Any, name: str) -> Parts:
    """Tell shape and element type of an array-like, whose elements may be on a device or not computed yet."""
    kind = getattr(value, "dtype", None)
    return f"{name} {shorten(str(kind), _TEXT)}" if kind is not None else name, shape_of(value), ""


def shape_of(value: Any) -> str:
    """Return the shape attribute of an array-like as ``336776 x 19``; '' for a scalar or where there is none."""
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple):
        return ""
    return " x ".join(str(length) if type(length) is int else "?" for length in shape)


def _text(value: Any, name: str) -> Parts:
    return name, count(str.__len__(value), "character"), _quoted(value, _LINE)


def _bytes(value: Any, name: str) -> Parts:
    return name, count(len(value), "byte"), _quoted_bytes(value, _LINE)


def _container(noun: str) -> Callable[[Any, str], Parts]:
    def describe_container(value: Any, name: str) -> Parts:
        return name, count(len(value), noun), shorten(_sketch(value, 2), _LINE)

    return describe_container


_DESCRIBERS: dict[str, Callable[[Any, str], Parts]] = {
    "builtins.str": _text,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "builtins.list": _container("item"),
    "builtins.tuple": _container("item"),
    "builtins.set": _container("item"),
    "builtins.frozenset": _container("item"),
    "collections.deque": _container("item"),
    "builtins.dict": _container("key"),
    "pandas.DataFrame": _frame,
    "polars.dataframe.frame.DataFrame": lambda value, name: (
        name,
        shape_of(value),
        _names(value.columns, value.width),
    ),
    "pyarrow.lib.Table": lambda value, name: (
        name,
        shape_of(value),
        _names(value.column_names, value.num_columns),
    ),
    "pyarrow.lib.Array": _arrow,
    "pyarrow.lib.ChunkedArray": _arrow,
    "pandas.Series": _pandas,
    "pandas.Index": _pandas,
    "numpy.ndarray": _array,
}


def _sketch(value: Any, depth: int) -> str:
    known = type_names(value)
    for full in known:
        if full in PLAIN:
            return shorten(repr(value), _LINE)
        if sketcher := _SKETCHERS.get(full):
            return sketcher(value, depth)
        if full in _CALLABLES:
            return f"<{full.partition('.')[2]} {shorten(value.__name__, _TEXT)}>"
        if full in _DESCRIBERS:
            kind, shape, _ = _DESCRIBERS[full](value, class_name(value))
            return f"<{kind}{' ' if shape else ''}{shape}>"
    if known[0].partition(".")[0] in _SHAPED:
        kind, shape, _ = _shaped(value, class_name(value))
        return f"<{kind}{' ' if shape else ''}{shape}>"
    return _sketch_object(value, depth)


def _sketch_object(value: Any, depth: int) -> str:
    name, held = class_name(value), attributes(value)
    if not held:
        return f"<{name}>"
    inside = "…" if depth <= 0 else _listed(held.items(), len(held), _attribute, depth)
    return f"{name}({inside})"


def _attribute(item: tuple[str, Any], depth: int) -> str:
    return f"{item[0]}={sketch(item[1], depth)}"


def _entry(item: tuple[Any, Any], depth: int) -> str:
    return f"{sketch(item[0], depth)}: {sketch(item[1], depth)}"


def _listed(items: Iterable[Any], length: int, write: Callable[[Any, int], str], depth: int) -> str:
    shown = [write(item, depth - 1) for item in islice(items, _ITEMS)]
    if length > _ITEMS:
        shown.append(f"… {length - _ITEMS:,} more")
    return ", ".join(shown)


def _sketch_items(opening: str, closing: str) -> Callable[[Any, int], str]:
    def sketch_items(value: Any, depth: int) -> str:
        if depth <= 0 and len(value):
            return f"{opening}…{closing}"
        return opening + _listed(iter(value), len(value), sketch, depth) + closing

    return sketch_items


def _sketch_tuple(value: Any, depth: int) -> str:
    inside = _sketch_items("", "")(value, depth)
    return f"({inside},)" if len(value) == 1 and depth > 0 else f"({inside})"


def _sketch_set(value: Any, depth: int) -> str:
    return _sketch_items("{", "}")(value, depth) if value else f"{class_name(value)}()"


def _sketch_dict(value: Any, depth: int) -> str:
    if depth <= 0 and len(value):
        return "{…}"
    return "{" + _listed(dict.items(value), len(value), _entry, depth) + "}"


def _sketch_int(value: Any, _depth: int) -> str:
    bits = int.bit_length(value)
    return f"<int of {bits:,} bits>" if bits > _DIGITS_BITS else shorten(repr(value), _LINE)


def _sketch_enum(value: Any, _depth: int) -> str:
    return f"{class_name(value)}.{value.name}"


def _sketch_error(value: Any, depth: int) -> str:
    inside = _sketch_items("(", ")")(value.args, depth)
    return f"{class_name(value)}{inside}"


def _quoted(value: Any, limit: int) -> str:
    part = str.__getitem__(value, slice(0, limit))
    return repr(part) + ("…" if str.__len__(value) > limit else "")


def _quoted_bytes(value: Any, limit: int) -> str:
    return repr(bytes(value[:limit])) + ("…" if len(value) > limit else "")


_SKETCHERS: dict[str, Callable[[Any, int], str]] = {
    "builtins.int": _sketch_int,
    "enum.Enum": _sketch_enum,
    "builtins.BaseException": _sketch_error,
    "builtins.str": lambda value, _depth: _quoted(value, _TEXT),
    "builtins.bytes": lambda value, _depth: _quoted_bytes(value, _TEXT),
    "builtins.bytearray": lambda value, _depth: _quoted_bytes(value, _TEXT),
    "builtins.list": _sketch_items("[", "]"),
    "collections.deque": _sketch_items("deque([", "])"),
    "builtins.tuple": _sketch_tuple,
    "builtins.set": _sketch_set,
    "builtins.frozenset": _sketch_set,
    "builtins.dict": _sketch_dict,
}
