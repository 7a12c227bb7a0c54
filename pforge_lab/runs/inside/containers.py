"""What changed in dicts, lists and sets."""

from __future__ import annotations

from heapq import nsmallest
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.inside.brief import growth
from pforge_lab.runs.inside.equality import alike, apart
from pforge_lab.runs.inside.objects import held
from pforge_lab.values.describe import sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set as AbstractSet

    from pforge_lab.runs.inside.kinds import Part
    from pforge_lab.runs.inside.look import Inside

_BUILTIN = frozenset({dict, list, tuple, set, frozenset})
_ITEMS = 1 << 8  # between two looks at the clock
_MEMBERS = 3  # of a set, told by name
_SORTED = 10_000


def mappings(look: Inside, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[Part]:
    """Tell which keys were added or removed, whether their order changed, and what is under the others."""
    for key in after:
        if key not in before:
            yield "", f"+ {sketch(key)}"
    for key in before:
        if key not in after:
            yield "", f"- {sketch(key)}"
    both = [key for key in after if key in before]
    if both != [key for key in before if key in after]:
        yield "", "keys in another order"
    for key, old, new in _unlike(look, lambda: ((each, before[each], after[each]) for each in both)):
        yield f"[{sketch(key)}]", old, new
    if isinstance(after, dict):  # others are mappings by what their attributes hold
        yield from _held(before, after)


def sequences(look: Inside, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Part]:
    """Tell how the length changed, and which items, by their place."""
    grown = growth(len(before), len(after), "item")
    if grown:
        yield "", grown
    for place, old, new in _unlike(look, lambda: zip(count(), before, after, strict=False)):
        yield f"[{place}]", old, new
    yield from _held(before, after)


def sets(_look: Inside, before: AbstractSet[Any], after: AbstractSet[Any]) -> Iterator[Part]:
    """Tell which members were added or removed."""
    for sign, members in (("+", after - before), ("-", before - after)):
        if members:
            shown = nsmallest(_MEMBERS, map(sketch, islice(members, _SORTED)))
            left = len(members) - len(shown)
            yield "", f"{sign} {', '.join(shown)}" + (f" and {left:,} more" if left else "")
    yield from _held(before, after)


def _held(before: object, after: object) -> Iterator[Part]:
    """Yield attributes, which only containers of classes of their own have."""
    return iter(()) if type(after) in _BUILTIN else held(before, after)


def _unlike(
    look: Inside, items: Callable[[], Iterable[tuple[Any, Any, Any]]]
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield what is to be looked into: what equality tells apart, as that is fast, and then where True became 1."""
    for hidden in (False, True):
        for number, item in enumerate(items()):
            if number % _ITEMS == 0 and look.over:
                return
            _, old, new = item
            if old is not new and apart(old, new) is not hidden and not (hidden and alike(old, new)):
                yield item
