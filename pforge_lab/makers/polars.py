"""polars' objects from data that nobody vouches for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from pforge_lab import pickler
from pforge_lab.makers.arrow import require_small
from pforge_lab.makers.checks import require

if TYPE_CHECKING:
    from collections.abc import Callable

_SIMPLE = "Binary Boolean Categorical Date Float32 Float64 Int128 Int16 Int32 Int64 Int8 Null Object String Time UInt16 UInt32 UInt64 UInt8 Unknown"
_PARTS, _NESTED = 10_000, 64  # of a dtype


def read(kind: Any) -> Callable[[Any, Any], Any]:
    """Return what makes a frame or series of the bytes that polars wrote.

    They are Arrow's, and Arrow reads them: polars aborts the process if they are not what they say.
    """

    def make(arguments: Any, state: Any) -> Any:
        require(not arguments and type(state) is bytes, kind.__name__)
        table = pa.ipc.open_stream(state).read_all()
        table.validate(full=True)
        for each in table.schema:
            require_small(each.type)
        frame = _frame(table)
        frame.columns = table.schema.names  # a name that is empty, too
        if kind is pl.DataFrame:
            return frame
        require(frame.width == 1, kind.__name__)
        return frame.to_series()

    return make


def from_arrow(table: Any, is_frame: Any) -> Any:
    """Return a frame or series of an Arrow table."""
    require(isinstance(table, pa.Table), "a polars frame")
    frame = _frame(table)
    return frame if is_frame else frame.to_series()


def _frame(table: Any) -> pl.DataFrame:
    """Return a frame whose texts are written anew: polars reads those that are missing, too."""
    fields = [field.with_type(_without_views(field.type)) for field in table.schema]
    schema = pa.schema(fields, table.schema.metadata)
    try:
        return pickler._from_arrow(table if schema == table.schema else table.cast(schema), is_frame=True)  # type: ignore[no-any-return]
    except pl.exceptions.PanicException as error:  # no Exception
        raise ValueError("unsound: a polars frame") from error


def _without_views(kind: Any) -> Any:
    """Return a type of Arrow's with texts that stand one behind the other."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _without_views(kind.value_type), kind.ordered)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_views(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = kind.value_field.with_type(_without_views(kind.value_type))
        return pa.list_(inner, kind.list_size) if pa.types.is_fixed_size_list(kind) else pa.large_list(inner)
    return kind


def dtype_of(kind: Any, *names: str) -> Callable[[Any, Any], Any]:
    """Return what makes a dtype of parts of its state."""

    def make(arguments: Any, state: Any) -> Any:
        require(not arguments, "a polars dtype")
        made = kind(*(state[name] for name in names))
        _require_small(made)
        return made

    return make


def _require_small(kind: Any) -> None:
    seen, left = 0, [(kind, 0)]
    while left:
        each, depth = left.pop()
        seen += 1
        require(seen <= _PARTS and depth <= _NESTED, "a polars dtype")
        parts = [getattr(each, name, None) for name in ("inner", "dtype")] + list(getattr(each, "fields", ()))
        left += [(part, depth + 1) for part in parts if part is not None]


BUILDS: dict[Any, Callable[[Any, Any], Any]] = {
    pl.DataFrame: read(pl.DataFrame),
    pl.Series: read(pl.Series),
    pl.Array: dtype_of(pl.Array, "inner", "size"),
    pl.Datetime: dtype_of(pl.Datetime, "time_unit", "time_zone"),
    pl.Decimal: dtype_of(pl.Decimal, "precision", "scale"),
    pl.Duration: dtype_of(pl.Duration, "time_unit"),
    pl.Enum: dtype_of(pl.Enum, "categories"),
    pl.Field: dtype_of(pl.Field, "name", "dtype"),
    pl.List: dtype_of(pl.List, "inner"),
    pl.Struct: dtype_of(pl.Struct, "fields"),
}
CALLS: dict[Any, Callable[..., Any]] = {
    **{kind: kind for kind in (getattr(pl, name) for name in _SIMPLE.split())},
    pl.Schema: pl.Schema,
    pickler._from_arrow: from_arrow,
}
