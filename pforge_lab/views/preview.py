"""One variable to look at, bounded in size and in work whatever its value."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab.values.classes import type_names
from pforge_lab.values.describe import describe, shape_of, sketch
from pforge_lab.values.format import count, shape, shorten
from pforge_lab.views.blocks import Column, Details, Line, Listing, Piece, Row, Table, Title, Tree, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pforge_lab.views.blocks import Block, Cell

HEAD_ROWS, HEAD_COLUMNS = 10, 12
MOST_COLUMNS = 100
CORNER = 6
SAMPLE = 100_000
TREE_DEPTH, TREE_ITEMS, TREE_NODES = 4, 20, 400
TEXT_LINES, TEXT_LINE, TEXT_CHARACTERS = 40, 400, 8000
BYTES = 256


def preview_blocks(value: object, name: str) -> Iterator[Block]:
    """Yield the headline of a variable and what its kind allows to show.

    Frames show their head and dtypes, arrays a corner and figures of at most 100,000 elements, nested
    values a tree bounded in depth and items, text its first lines, anything else its bounded ``repr``.
    Never raises: what a broken class raises is shown in its place.
    """
    kind, extent, _ = describe(value)
    headline = [Piece(shorten(name, 60), "code"), Piece(shorten(kind, 80), "strong")]
    yield Title((*headline, *words(shorten(shape(extent), 60), "muted")))
    try:
        yield from list(_preview(value))
    except Exception as error:  # noqa: BLE001 - the class is the user's and may raise anything
        yield Line(
            words(shorten(f"cannot be shown: {type(error).__name__}: {_message(error)}", 200), "error")
        )


def _message(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - even the error is the user's class
        return "(its message cannot be shown either)"


def _preview(value: Any) -> Iterator[Block]:
    for full in type_names(value):
        if previewer := _PREVIEWERS.get(full):
            return previewer(value)
    return _other(value)


def _frame(frame: Any) -> Iterator[Block]:
    head = frame.iloc[:HEAD_ROWS, :HEAD_COLUMNS]
    kinds = [str(kind) for kind in frame.iloc[:0, :MOST_COLUMNS].dtypes.tolist()]
    data = [head.iloc[:, place].tolist() for place in range(head.shape[1])]
    rows, columns = frame.shape
    return _columnar(
        rows, columns, frame.columns[:MOST_COLUMNS].tolist(), kinds, data, index=head.index.tolist()
    )


def _columnar(
    rows: int,
    columns: int,
    names: Sequence[object],
    kinds: Sequence[str],
    data: Sequence[Sequence[Any]],
    *,
    index: Sequence[object] | None = None,
) -> Iterator[Block]:
    """Yield the head of a frame of any library, and all of its dtypes where there are more columns."""
    labels = [_label(name) for name in names[:MOST_COLUMNS]]
    index = range(min(rows, HEAD_ROWS)) if index is None else index
    yield _grid(f"First {count(len(index), 'row')} of {rows:,}", index, labels, kinds, data)
    if columns > len(data):
        yield Line(words(f"… {count(columns - len(data), 'column')} left out", "muted"))
        yield _dtypes(labels, kinds, columns)


def _grid(
    caption: str,
    index: Sequence[Any],
    labels: Sequence[str],
    kinds: Sequence[str],
    data: Sequence[Sequence[Any]],
) -> Table:
    """Return the head of a frame: a row of dtypes, then its rows, each named by its index."""
    numeric = [kind.lower().startswith(("int", "uint", "float", "decimal", "complex")) for kind in kinds]
    columns = [
        Column(label, "right" if right else "left") for label, right in zip(labels, numeric, strict=True)
    ]
    types = Row((words("dtype"), *(words(shorten(kind, 24), "muted") for kind in kinds[: len(data)])))
    rows = [
        Row((words(_label(row)), *(_cell(column[place]) for column in data)))
        for place, row in enumerate(index)
    ]
    return Table(caption, (Column("Index"), *columns[: len(data)]), (types, *rows), header=0)


def _dtypes(labels: Sequence[str], kinds: Sequence[str], total: int) -> Block:
    rows = [
        Row((words(f"{place:,}"), words(label), words(shorten(kind, 40), "muted")))
        for place, (label, kind) in enumerate(zip(labels, kinds, strict=True))
    ]
    if total > len(rows):
        rows.append(Row((words(f"… {count(total - len(rows), 'column')} left out", "muted"),), "gap"))
    columns = (Column("#", "right"), Column("Column", flexible=True), Column("dtype"))
    return Details(f"All columns: {total:,}", (Table("Columns and dtypes", columns, tuple(rows), header=1),))


def _label(label: object) -> str:
    return shorten(label, 40) if isinstance(label, str) else _value(label)


def _value(value: object) -> str:
    """Return one cell of a frame or array: text without quotes, floats with six figures."""
    if isinstance(value, str):
        return shorten(value, 60)
    if type(value) is float:
        return f"{value:.1f}" if 1e6 <= abs(value) < 1e15 else f"{value:.6g}"
    if type(value).__module__ in {"datetime", "pandas", "decimal", "uuid"}:
        return shorten(str(value), 60)
    return shorten(sketch(value, 1), 60)


def _series(series: Any) -> Iterator[Block]:
    return _frame(series.to_frame())


def _polars(frame: Any) -> Iterator[Block]:
    head = frame.head(HEAD_ROWS)
    data = [head.to_series(place).to_list() for place in range(min(HEAD_COLUMNS, head.width))]
    kinds = [str(kind) for kind in frame.dtypes[:MOST_COLUMNS]]
    return _columnar(frame.height, frame.width, frame.columns, kinds, data)


def _arrow(table: Any) -> Iterator[Block]:
    head = table.slice(0, HEAD_ROWS)
    data = [head.column(place).to_pylist() for place in range(min(HEAD_COLUMNS, head.num_columns))]
    kinds = [str(kind) for kind in table.schema.types[:MOST_COLUMNS]]
    return _columnar(table.num_rows, table.num_columns, table.column_names, kinds, data)


def _array(array: Any) -> Iterator[Block]:
    array = np.asarray(array)
    yield Table("Figures", (Column(""), Column("")), tuple(_figures(array)), header=0)
    if array.size:
        yield _corner(array)


def _corner(array: Any) -> Table:
    plane = array[(0,) * max(0, array.ndim - 2)]
    rows = np.atleast_2d(plane)[:CORNER, :CORNER].tolist()
    width = len(rows[0])
    if array.ndim < 2:
        caption, labels = f"First {width} of {array.size:,}", ["Value"]
    else:
        caption = f"Corner [{'0, ' * (array.ndim - 2)}:{len(rows)}, :{width}]"
        labels = [str(at) for at in range(len(rows))]
    columns = (Column("Index"), *(Column(str(at), "right") for at in range(width)))
    body = (Row((words(label), *map(_cell, row))) for label, row in zip(labels, rows, strict=True))
    return Table(caption, columns, tuple(body), header=0)


def _cell(value: object) -> Cell:
    return words(_value(value))


def _figures(array: Any) -> Iterator[Row]:
    facts = {
        "dtype": str(array.dtype),
        "Shape": shape(shape_of(array)) or "scalar",
        "Elements": f"{array.size:,}",
    }
    facts |= _statistics(array)
    return (Row((words(name), words(shorten(text, 80)))) for name, text in facts.items())


def _statistics(array: Any) -> dict[str, str]:
    """Return min, mean and max of at most 100,000 elements, evenly spaced; missing ones are counted."""
    if array.dtype.kind not in "biuf" or not array.size:
        return {}
    step = -(-array.size // SAMPLE)
    sample = array.flat[::step]
    sample = sample.astype(float) if array.dtype.kind in "bf" else sample
    known = sample[~np.isnan(sample)]
    facts = {"Sample": f"{count(len(sample), 'element')}, every {step:,}th"} if step > 1 else {}
    facts |= {"Missing": f"{len(sample) - len(known):,}"} if len(known) < len(sample) else {}
    if len(known):
        with np.errstate(all="ignore"):
            found = {"Min": known.min(), "Mean": known.mean(dtype=float), "Max": known.max()}
        facts |= {name: f"{figure.item():.6g}" for name, figure in found.items()}
    return facts


def _text(text: Any) -> Iterator[Block]:
    part = str.__getitem__(text, slice(0, TEXT_CHARACTERS))
    lines = part.splitlines()
    shown = tuple(shorten(line.expandtabs(4), TEXT_LINE) for line in lines[:TEXT_LINES])
    yield Listing(shown)
    cut = len(lines) > TEXT_LINES or len(part) < len(text) or any(len(line) > TEXT_LINE for line in lines)
    if cut:
        yield Line(words("… the rest is left out", "muted"))


def _bytes(data: Any) -> Iterator[Block]:
    part = bytes(data[:BYTES])
    rows = [part[start : start + 16] for start in range(0, len(part), 16)]
    yield Listing(
        tuple(f"{16 * place:04x}  {row.hex(' '):47}  {_ascii(row)}" for place, row in enumerate(rows))
    )
    if len(data) > BYTES:
        yield Line(words(f"… {count(len(data) - BYTES, 'byte')} left out", "muted"))


def _ascii(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)


def _tree(value: Any) -> Iterator[Block]:
    yield _Grower().grow("", value, 0)


class _Grower:
    """Makes the tree of a nested value; one budget of nodes for all of it."""

    def __init__(self) -> None:
        self.left = TREE_NODES

    def grow(self, label: str, value: Any, depth: int) -> Tree:
        self.left -= 1
        named = words(label, "code")
        children = _children(value)
        if children is None:
            return Tree(named + words(describe(value)[2] if str in type(value).__mro__ else sketch(value)))
        length, items = children
        kind, extent, preview = describe(value)
        summary = named + words(kind, "muted") + words(extent, "muted")
        if not length or depth >= TREE_DEPTH:
            return Tree(summary + words(shorten(preview, 100)))
        parts = [
            self.grow(key, item, depth + 1) for key, item in islice(items, min(TREE_ITEMS, max(0, self.left)))
        ]
        if length > len(parts):
            parts.append(Tree(words(f"… {length - len(parts):,} more", "muted")))
        return Tree(summary, tuple(parts))


def _children(value: Any) -> tuple[int, Iterator[tuple[str, Any]]] | None:
    """Return how many parts a nested value has, and the parts with their names; None for a leaf."""
    bases = type(value).__mro__
    if dict in bases:
        return dict.__len__(value), ((sketch(key, 1), item) for key, item in dict.items(value))
    for kind in (list, tuple):
        if kind in bases:
            return kind.__len__(value), ((f"{at:,}", item) for at, item in enumerate(kind.__iter__(value)))
    if set in bases or frozenset in bases:
        return len(value), (("", item) for item in iter(value))
    return None


def _scalar(value: Any) -> Iterator[Block]:
    yield Line(words(sketch(value)))


def _other(value: Any) -> Iterator[Block]:
    text = repr(value)
    return _text(text)


_PREVIEWERS: dict[str, Callable[[Any], Iterator[Block]]] = {
    "builtins.int": _scalar,
    "builtins.str": _text,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "builtins.dict": _tree,
    "builtins.list": _tree,
    "builtins.tuple": _tree,
    "builtins.set": _tree,
    "builtins.frozenset": _tree,
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pandas.Index": _series,
    "polars.dataframe.frame.DataFrame": _polars,
    "pyarrow.lib.Table": _arrow,
    "numpy.ma.MaskedArray": _other,
    "numpy.ndarray": _array,
}
