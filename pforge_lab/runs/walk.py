"""The walk over everything that one variable keeps alive."""

from __future__ import annotations

import gc
import sys
import types
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.buffers import FRAMES, library, open_up
from pforge_lab.runs.sampling import Sample, distinct, draw, kinds, rounds, select

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.runs.buffers import Parts

LIMIT = 20_000
_RARE = LIMIT // 8
_CLOCK = 128
_GLANCE = 50
_ALIGNMENT = 15
_GC_HEADER = 16
_VALUES_APART = sys.version_info < (3, 13)

_ATOMS = frozenset({int, float, complex, bool, str, bytes, bytearray, type(None), range})
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
_PROGRAM = (type, types.ModuleType, types.BuiltinFunctionType, types.FrameType, types.CodeType)
_IMMORTAL = frozenset(
    map(
        id, (None, True, False, Ellipsis, NotImplemented, (), "", b"", *range(-5, 257), *map(chr, range(256)))
    ),
)


class Walk:
    """Breadth-first over all that one variable keeps alive.

    ``owners`` maps identities (of objects, and addresses of buffers) to the variables met so far
    as bits; it is a stack, because trials of sampled elements write to a layer of their own.
    ``gained`` maps the owners that memory had before to its bytes.
    """

    def __init__(self, bit: int, owners: list[dict[int, int]], deadline: float | None) -> None:
        self.bit = bit
        self.gained: dict[int, int] = {}
        self.approx = False
        self._owners = owners
        self._deadline = deadline

    def visit(self, level: list[object]) -> None:
        """Count these objects and all that they refer to."""
        visited = 0
        while level:
            if len(level) > LIMIT:
                self._sample(level)
                return
            following: list[object] = []
            for place, item in enumerate(level):
                visited += 1
                if not visited % _CLOCK and self._late():
                    self._give_up([*level[place:], *following])
                    return
                self._count(item, following)
            level = following

    def _late(self) -> bool:
        return self._deadline is not None and perf_counter() > self._deadline

    def _gain(self, identity: int, size: int) -> bool:
        """Book memory on this variable, unless it is booked already."""
        before = 0
        for layer in self._owners:
            before |= layer.get(identity, 0)
        if before & self.bit:
            return False
        self._owners[-1][identity] = before | self.bit
        self.gained[before] = self.gained.get(before, 0) + size
        return True

    def _count(self, item: Any, following: list[object]) -> None:
        kind, identity = type(item), id(item)
        if identity in _IMMORTAL or issubclass(kind, _PROGRAM):
            return
        if kind in _ATOMS:
            self._gain(identity, _shallow(item))
        elif kind in _CONTAINERS:
            if self._gain(identity, _shallow(item)):
                for part in (item.keys(), item.values()) if kind is dict else (item,):
                    self._enter(part, following)
        elif (parts := open_up(item)) is not None:
            if self._gain(identity, kind.__basicsize__ + _GC_HEADER):
                self._open(parts, following)
        else:
            references = _references(item)
            if self._gain(identity, _instance(item, references)):
                following += references

    def _enter(self, elements: Collection[Any], following: list[object]) -> None:
        if len(elements) > LIMIT:
            self._sample(elements)
        else:
            following.extend(elements)  # += would let an array add itself

    def _open(self, parts: Parts, following: list[object]) -> None:
        for address, size in parts.buffers.items():
            self._gain(address, size)
        following += parts.children
        self.approx = self.approx or parts.approx
        if parts.elements is not None:
            self._enter(parts.elements, following)

    def _sample(self, elements: Collection[Any]) -> None:
        """Visit what owns buffers or is rare; extrapolate the rest from a sample."""
        self.approx = True
        counts = kinds(elements, self._late)
        apart = {kind for kind, count in counts.items() if library(kind) in FRAMES or count <= _RARE}
        if len(counts) == 1 or self._late():
            apart = {kind for kind in apart if library(kind) in FRAMES}
        if apart:
            self._visit_in_full(select(elements, apart))
        common = len(elements) - sum(counts[kind] for kind in apart)
        if set(counts) - apart:
            self._extrapolate(elements, common, apart)

    def _extrapolate(self, elements: Collection[Any], population: int, apart: set[type]) -> None:
        layer: dict[int, int] = {}
        trial = Walk(self.bit, [*self._owners, layer], self._deadline)
        drawn = [element for element in draw(elements, self._late) if type(element) not in apart]
        sample = Sample(distinct(drawn, population))
        met: set[int] = set()
        for few in rounds(drawn):
            for element in few:
                if id(element) in met:
                    continue
                met.add(id(element))
                before = sum(trial.gained.values())
                trial.visit([element])
                sample.sizes.append(sum(trial.gained.values()) - before)
                if len(sample.sizes) >= _GLANCE and self._late():
                    break
            if sample.settled() or self._late():
                break
        self._owners[-1].update(layer)
        found = sum(sample.sizes)
        scale = sample.estimate() / found if found else 0
        for before, size in trial.gained.items():
            self.gained[before] = self.gained.get(before, 0) + round(size * scale)

    def _visit_in_full(self, items: list[object]) -> None:
        deadline, self._deadline = self._deadline, None
        for start in range(0, len(items), LIMIT):
            self.visit(items[start : start + LIMIT])
        self._deadline = deadline

    def _give_up(self, pending: list[object]) -> None:
        """Count the rest at the size of a few of them, but whatever owns buffers in full."""
        self.approx = True
        self._visit_in_full([item for item in pending if library(type(item)) in FRAMES])
        others = [item for item in pending if library(type(item)) not in FRAMES and id(item) not in _IMMORTAL]
        few = others[:: max(1, len(others) // _GLANCE)]
        if few:
            mean = sum(map(_shallow, few)) / len(few)
            self.gained[0] = self.gained.get(0, 0) + round(mean * len(others))


def _shallow(item: object) -> int:
    """Return the bytes of the object alone, as allocators round them."""
    try:
        size = sys.getsizeof(item)
    except Exception:  # noqa: BLE001 - the __sizeof__ of a user's class may raise anything
        size = type(item).__basicsize__
    return (size + _ALIGNMENT) & ~_ALIGNMENT


def _references(item: Any) -> list[Any]:
    """Return what an object keeps alive; of a function, what it closes over rather than its module."""
    if isinstance(item, types.FunctionType):
        return [item.__closure__, item.__defaults__, item.__kwdefaults__]
    return gc.get_referents(item)


def _instance(item: object, references: list[Any]) -> int:
    """Return the bytes of an instance, with the attribute values that CPython keeps outside of it.

    From 3.11 on an instance has no dictionary until it is asked for, which must not happen here
    (it would cost 24 % more memory); from 3.13 on the values are part of the instance.
    """
    kind = type(item)
    if library(kind) == "pandas":  # its __sizeof__ walks over all elements
        return kind.__basicsize__ + _GC_HEADER
    size = _shallow(item)
    if _VALUES_APART and kind.__dictoffset__ and not any(type(found) is dict for found in references):
        slots = len(references)  # the attributes, and one to spare: the type is among the references
        size += (_pointers(slots + 2) + 8 * slots + _ALIGNMENT) & ~_ALIGNMENT
    return size


def _pointers(size: int) -> int:
    return (size + 7) & ~7
