"""The rule for each kind of value: what is looked at in it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pforge_lab.runs.inside.arrays import array_arrays, arrays, extensions, masked
from pforge_lab.runs.inside.columnar import (
    arrow_arrays,
    arrow_tables,
    lazy_frames,
    polars_frames,
    polars_series,
)
from pforge_lab.runs.inside.containers import mappings, sequences, sets
from pforge_lab.runs.inside.objects import errors, functions, objects
from pforge_lab.runs.inside.pandas_data import frames, labels, series
from pforge_lab.runs.inside.texts import SHORT, texts
from pforge_lab.values.classes import attributes, type_names
from pforge_lab.values.describe import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pforge_lab.runs.inside.look import Inside

    Part = (
        tuple[str, str] | tuple[str, Any, Any]
    )  # a place, and what to tell of it or what to look into there
    Rule = Callable[[Inside, Any, Any], Iterator[Part]]

_RULES: dict[str, Rule] = {
    "pandas.DataFrame": frames,
    "pandas.Series": series,
    "pandas.Index": labels,
    "pandas.api.extensions.ExtensionArray": extensions,
    "numpy.ma.MaskedArray": masked,
    "numpy.ndarray": arrays,
    "polars.dataframe.frame.DataFrame": polars_frames,
    "polars.series.series.Series": polars_series,
    "polars.lazyframe.frame.LazyFrame": lazy_frames,
    "pyarrow.lib.Table": arrow_tables,
    "pyarrow.lib.RecordBatch": arrow_tables,
    "pyarrow.lib.Array": arrow_arrays,
    "pyarrow.lib.ChunkedArray": arrow_arrays,
    "array.array": array_arrays,
    "builtins.dict": mappings,
    "collections.abc.Mapping": mappings,
    "builtins.list": sequences,
    "builtins.tuple": sequences,
    "collections.deque": sequences,
    "builtins.set": sets,
    "builtins.frozenset": sets,
    "builtins.str": partial(texts, noun="character"),
    "builtins.bytes": partial(texts, noun="byte"),
    "builtins.bytearray": partial(texts, noun="byte"),
    "builtins.function": functions,
    "builtins.BaseException": errors,
}
_SIMPLE = PLAIN | {"builtins.int", "builtins.type", "builtins.module", "enum.Enum"}


_known: WeakKeyDictionary[type, Rule | None] = WeakKeyDictionary()  # to look at the names of a class once


def rule_of(value: Any) -> Rule | None:
    """Return the rule for a value, or None for one that its line tells in full."""
    kind = type(value)
    if kind not in _known:
        _known[kind] = _of_kind(value)
    rule = _known[kind]
    if rule is objects and not attributes(value):
        return None
    return None if isinstance(value, (str, bytes, bytearray)) and len(value) <= SHORT else rule


def _of_kind(value: Any) -> Rule | None:
    for name in type_names(value):
        if name in _SIMPLE:
            return None
        if rule := _RULES.get(name):
            return rule
    return objects
