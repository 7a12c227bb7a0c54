"""The walk over everything that one variable keeps alive."""

from __future__ import annotations

import gc
import math
import sys
import types
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.buffers import open_up, owns_buffers
from pforge_lab.runs.sampling import Sample, distinct, draw, kinds, rounds, select

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.runs.buffers import Parts

LIMIT = 20_000
_RARE = LIMIT // 8
_CLOCK = 128
_CHUNK = 4_096
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


@dataclass(slots=True)
class Holding:
    """All that one variable keeps alive.

    Attributes
    ----------
    found
        Bytes by identity: of objects, and addresses of buffers.
    samples
        The same for sampled elements of large containers, with the factor by which each sample
        stands for its container.
    approx
        Whether anything was sampled or left out.
    hurried
        Whether time ran out.
    total
        Bytes of all of it.
    """

    found: dict[int, int] = field(default_factory=dict)
    samples: list[tuple[dict[int, int], float]] = field(default_factory=list)
    approx: bool = False
    hurried: bool = False
    total: float = 0.0

    def parts(self) -> list[tuple[dict[int, int], float]]:
        """Return all bytes by identity, each with its factor; no identity is in two of them."""
        return [(self.found, 1.0), *self.samples]


class Walk:
    """Breadth-first over all that one variable keeps alive.

    Parameters
    ----------
    deadline
        When to give up, on the clock of ``perf_counter``; never, if None.
    seen
        Identities that are booked already: a trial of sampled elements shares those of its walk.
    exact
        Visit every element of large containers instead of a sample.
    """

    def __init__(self, deadline: float | None, seen: set[int] | None = None, *, exact: bool = False) -> None:
        self._limit = math.inf if exact else LIMIT
        self.holding = Holding()
        self._deadline = deadline
        self._seen: set[int] = set() if seen is None else seen

    def visit(self, level: list[Any]) -> None:
        """Count these objects and all that they refer to."""
        visited = 0
        while level:
            if len(level) > self._limit:
                self._sample(level)
                return
            atoms = [item for item in level if type(item) in _ATOMS]
            others = [item for item in level if type(item) not in _ATOMS] if len(atoms) < len(level) else []
            following: list[Any] = []
            self._count_atoms(atoms)
            for place, item in enumerate(others):
                visited += 1
                if not visited % _CLOCK and self._late():
                    self._give_up([*others[place:], *following])
                    return
                self._count(item, following)
            level = following

    def _late(self) -> bool:
        return self._deadline is not None and perf_counter() > self._deadline

    def _count_atoms(self, atoms: list[Any]) -> None:
        """Count objects without references, many at a time: most of what there is are numbers and texts."""
        for start in range(0, len(atoms), _CHUNK):
            chunk = atoms[start : start + _CHUNK]
            fresh = dict(zip(map(id, chunk), chunk, strict=True))
            for known in [identity for identity in fresh if identity in self._seen or identity in _IMMORTAL]:
                del fresh[known]
            sizes = [(size + _ALIGNMENT) & ~_ALIGNMENT for size in map(sys.getsizeof, fresh.values())]
            self._seen.update(fresh)
            self.holding.found.update(zip(fresh, sizes, strict=True))
            self.holding.total += sum(sizes)
            if self._late():
                self._give_up(atoms[start + _CHUNK :])
                return

    def _gain(self, identity: int, size: int) -> bool:
        """Book memory, unless it is booked already."""
        if identity in self._seen:
            return False
        self._seen.add(identity)
        self.holding.found[identity] = size
        self.holding.total += size
        return True

    def _count(self, item: Any, following: list[Any]) -> None:
        kind, identity = type(item), id(item)
        if identity in self._seen or identity in _IMMORTAL or issubclass(kind, _PROGRAM):
            return
        if kind in _CONTAINERS:
            self._gain(identity, _shallow(item))
            for part in (item.keys(), item.values()) if kind is dict else (item,):
                self._enter(part, following)
        elif (parts := open_up(item)) is not None:
            self._gain(identity, kind.__basicsize__ + _GC_HEADER)
            self._open(parts, following)
            following += gc.get_referents(
                item
            )  # attributes of derived types, such as the mask of a masked array
        else:
            references = _references(item)
            self._gain(identity, _instance(item, references))
            following += references

    def _enter(self, elements: Collection[Any], following: list[Any]) -> None:
        if len(elements) > self._limit:
            self._sample(elements)
        else:
            following.extend(elements)  # += would let an array add itself

    def _open(self, parts: Parts, following: list[Any]) -> None:
        for address, size in parts.buffers.items():
            self._gain(address, size)
        following += parts.children
        self.holding.approx = self.holding.approx or parts.approx
        if parts.elements is not None:
            self._enter(parts.elements, following)

    def _sample(self, elements: Collection[Any]) -> None:
        """Visit what owns buffers or is rare; extrapolate the rest from a sample."""
        self.holding.approx = True
        counts = kinds(elements, self._late)
        apart = {kind for kind, count in counts.items() if owns_buffers(kind) or count <= _RARE}
        if len(counts) == 1 or self._late():
            apart = {kind for kind in apart if owns_buffers(kind)}
        if apart:
            self._visit_in_full(select(elements, apart))
        if set(counts) - apart:
            self._extrapolate(elements, len(elements) - sum(counts[kind] for kind in apart), apart)

    def _extrapolate(self, elements: Collection[Any], population: int, apart: set[type]) -> None:
        trial = Walk(self._deadline, self._seen)
        drawn = [element for element in draw(elements, self._late) if type(element) not in apart]
        sample = Sample(distinct(drawn, population))
        met: set[int] = set()
        for few in rounds(drawn):
            for element in few:
                if id(element) in met:
                    continue
                met.add(id(element))
                before = trial.holding.total
                trial.visit([element])
                sample.sizes.append(trial.holding.total - before)
                if len(sample.sizes) >= _GLANCE and self._late():
                    break
            if sample.settled() or self._late():
                break
        self.holding.hurried = self.holding.hurried or self._late()
        if trial.holding.total:
            self._book(trial.holding, sample.estimate() / trial.holding.total)

    def _book(self, sample: Holding, scale: float) -> None:
        self.holding.samples += [(found, scale * factor) for found, factor in sample.parts() if found]
        self.holding.total += sample.total * scale

    def _visit_in_full(self, items: list[Any]) -> None:
        deadline, self._deadline = self._deadline, None
        for start in range(0, len(items), LIMIT):
            self.visit(items[start : start + LIMIT])
        self._deadline = deadline

    def _give_up(self, pending: list[Any]) -> None:
        """Count the rest at the size of a few of them, but whatever owns buffers in full."""
        self.holding.approx = self.holding.hurried = True
        self._visit_in_full([item for item in pending if owns_buffers(type(item))])
        others = [item for item in pending if not owns_buffers(type(item)) and id(item) not in _IMMORTAL]
        few = others[:: max(1, len(others) // _GLANCE)]
        sample = Holding({id(item): _shallow(item) for item in few if id(item) not in self._seen})
        sample.total = sum(sample.found.values())
        self._seen.update(sample.found)
        if sample.total:
            self._book(sample, len(others) / len(few))


def _shallow(item: object) -> int:
    """Return the bytes of the object alone, as allocators round them.

    A ``__sizeof__`` written in Python is not asked: it may raise, and that of pandas walks over
    all elements.
    """
    kind = type(item)
    size = kind.__basicsize__ + _GC_HEADER
    if not isinstance(kind.__sizeof__, types.FunctionType):
        size = sys.getsizeof(item, size)
    return (size + _ALIGNMENT) & ~_ALIGNMENT


def _references(item: Any) -> list[Any]:
    """Return what an object keeps alive; of a function, what it closes over rather than its module."""
    if issubclass(type(item), types.FunctionType):  # isinstance would ask a proxy for its __class__
        return [item.__closure__, item.__defaults__, item.__kwdefaults__]
    return gc.get_referents(item)


def _instance(item: object, references: list[Any]) -> int:
    """Return the bytes of an instance, with the attribute values that CPython keeps outside of it.

    From 3.11 on an instance has no dictionary until it is asked for, which must not happen here
    (it would cost 24 % more memory); from 3.13 on the values are part of the instance.
    """
    kind = type(item)
    size = _shallow(item)
    if _VALUES_APART and kind.__dictoffset__ and not any(type(found) is dict for found in references):
        slots = len(references)  # the attributes, and one to spare: the type is among the references
        size += (_pointers(slots + 2) + 8 * slots + _ALIGNMENT) & ~_ALIGNMENT
    return size


def _pointers(size: int) -> int:
    return (size + 7) & ~7
