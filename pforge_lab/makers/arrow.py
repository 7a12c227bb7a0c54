"""Arrow's objects from data that nobody vouches for: nothing of them reaches beyond their buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pforge_lab.makers.checks import exports_bytes, require

if TYPE_CHECKING:
    from collections.abc import Callable

_TYPES, _NESTED = 10_000, 64  # of a type
_FACTORIES = "binary decimal128 decimal256 dictionary duration field large_list large_list_view list_ list_view map_ run_end_encoded struct time32 time64 timestamp type_for_alias union"


def arrow_buffer(content: Any) -> Any:
    """Return a buffer of bytes."""
    require(exports_bytes(content), "a buffer")
    return pa.py_buffer(content)


def arrow_type(name: str) -> Any:
    """Return what makes a type, or a field, that is not nested too deep to be compared."""

    def make(*arguments: Any) -> Any:
        if name == "union":
            _, _, codes = arguments
            require(all(type(code) is int and 0 <= code < 128 for code in codes), "a union")
            require(len(set(codes)) == len(codes) == len(arguments[0]), "a union")
        made = getattr(pa.lib, name)(*arguments)
        require_small(made.type if isinstance(made, pa.lib.Field) else made)
        return made

    return make


def require_small(kind: Any) -> None:
    """Raise ValueError unless a type is one of Arrow's own that can be compared and freed."""
    seen, left = 0, [(kind, 0)]
    while left:
        each, depth = left.pop()
        seen += 1
        require(seen <= _TYPES and depth <= _NESTED, "an Arrow type")
        require(not isinstance(each, pa.BaseExtensionType), "an Arrow type")
        left += [(part, depth + 1) for part in _parts(each)]


def _parts(kind: Any) -> list[Any]:
    if pa.types.is_dictionary(kind):
        return [kind.value_type]
    return [kind.field(place).type for place in range(kind.num_fields)]


def arrow_array(reduced: Any) -> Any:
    """Return an Arrow array, nothing of which reaches beyond its buffers."""
    _require_parts(reduced)
    made = pa.lib._restore_array(reduced)
    made.validate(full=True)
    return made


def _require_parts(reduced: Any) -> None:
    """Arrow aborts the process if an array has not as many buffers and children as its type says."""
    kind, length, nulls, offset, buffers, children, dictionary = reduced
    require(isinstance(kind, pa.DataType) and not isinstance(kind, pa.BaseExtensionType), "an Arrow type")
    require(all(type(n) is int for n in (length, nulls, offset)), "an Arrow array")
    require(0 <= length < 1 << 62 and 0 <= offset < 1 << 62 and -1 <= nulls <= length, "an Arrow array")
    require(all(each is None or isinstance(each, pa.Buffer) for each in buffers), "an Arrow array")
    several = pa.types.is_string_view(kind) or pa.types.is_binary_view(kind)
    require(
        len(buffers) >= kind.num_buffers if several else len(buffers) == kind.num_buffers, "an Arrow array"
    )
    encoded = pa.types.is_dictionary(kind)
    types = [] if encoded else _parts(kind)
    require(len(children) == len(types) and (dictionary is not None) == encoded, "an Arrow array")
    if encoded:
        types, children = [kind.value_type], [dictionary]
    for expected, child in zip(types, children, strict=True):
        require(child[0] == expected, "an Arrow array")
        _require_parts(child)


def arrow_chunks(arrays: Any, kind: Any) -> Any:
    """Return a column of Arrow arrays."""
    require(type(arrays) is list and all(isinstance(each, pa.Array) for each in arrays), "an Arrow column")
    return pa.chunked_array(arrays, kind)


def arrow_table(name: str) -> Any:
    """Return what makes a table or batch whose columns fit it."""

    def make(columns: Any, schema: Any) -> Any:
        whole = pa.Array if name == "_reconstruct_record_batch" else (pa.Array, pa.ChunkedArray)
        require(type(columns) is list and isinstance(schema, pa.Schema), "an Arrow table")
        require(all(isinstance(each, whole) for each in columns), "an Arrow table")
        made = getattr(pa.lib, name)(columns, schema)
        made.validate(full=True)
        return made

    return make


def arrow_scalar(value: Any, kind: Any) -> Any:
    """Return an Arrow scalar."""
    require(isinstance(kind, pa.DataType), "an Arrow type")
    return pa.scalar(value, kind)


def arrow_schema(fields: Any, metadata: Any) -> Any:
    """Return a schema."""
    require(all(isinstance(each, pa.Field) for each in fields), "an Arrow schema")
    return pa.schema(fields, metadata)


BUILDS: dict[Any, Callable[[Any, Any], Any]] = {}
CALLS: dict[Any, Callable[..., Any]] = {
    **{getattr(pa.lib, name): arrow_type(name) for name in _FACTORIES.split()},
    **{
        getattr(pa.lib, name): arrow_table(name)
        for name in ("_reconstruct_record_batch", "_reconstruct_table")
    },
    pa.lib._restore_array: arrow_array,
    pa.chunked_array: arrow_chunks,
    pa.py_buffer: arrow_buffer,
    pa.scalar: arrow_scalar,
    pa.schema: arrow_schema,
}
