"""The walk over everything that one variable keeps alive."""

from __future__ import annotations

import gc
import math
import sys
import types
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.atoms import ATOMS, IMMORTAL
from pforge_lab.runs.buffers import opening
from pforge_lab.runs.holding import Holding
from pforge_lab.runs.objects import ALIGNMENT, GC_HEADER, data, instance, references, shallow
from pforge_lab.runs.sampling import Sample, distinct, draw, kinds, rounds, select, spread

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.runs.buffers import Opening, Parts
    from pforge_lab.runs.clock import Clock

LIMIT = 20_000
_RARE = LIMIT // 8
_CLOCK = 16
_CHUNK = 1_024
_GLANCE = 4
_BROAD, _NARROW, _DEPTH = 12, 2, 3
_SAMPLING = 1.5e-4  # seconds that a sample needs
_SELECTING = 4e-8  # seconds to look at the type of one object
_SHOWN = 500

_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
_PROGRAM = (type, types.ModuleType, types.BuiltinFunctionType, types.FrameType, types.CodeType)


class Walk:
    """Breadth-first over all that one variable keeps alive.

    Parameters
    ----------
    clock
        The time it may take.
    around
        The walk whose elements are tried out: what that has booked already is shared with it.
    exact
        Visit every element of large containers instead of a sample.

    Attributes
    ----------
    holding
        What was found.
    seen
        Identities that are booked already.
    openings
        What is known of the types met so far.
    """

    def __init__(self, clock: Clock, around: Walk | None = None, *, exact: bool = False) -> None:
        self._limit = math.inf if exact else LIMIT
        self.holding = Holding()
        self._clock = clock
        self.seen: set[int] = set() if around is None else around.seen
        self.openings: dict[type, Opening] = {} if around is None else around.openings

    def visit(self, level: list[Any]) -> None:
        """Count these objects and all that they refer to."""
        while level:
            if len(level) > self._limit:
                self._sample(level)
                return
            following: list[Any] = []
            for start in range(0, len(level), _CHUNK):
                left = self._visit_some(level[start : start + _CHUNK], following)
                if left is not None:
                    self._estimate([*left, *level[start + _CHUNK :], *following])
                    return
            level = following

    def _visit_some(self, items: list[Any], following: list[Any]) -> list[Any] | None:
        """Count objects and collect what they refer to; return those that there was no time for, if it ran out."""
        atoms = [item for item in items if type(item) in ATOMS]
        self._count_atoms(atoms)
        if len(atoms) < len(items):
            others = [item for item in items if type(item) not in ATOMS]
            for place, item in enumerate(others):
                if not place % _CLOCK and self.is_late():
                    return others[place:]
                self._count(item, following)
        return [] if self.is_late() else None

    def is_late(self) -> bool:
        """Return whether to begin to estimate."""
        return perf_counter() > self._clock.late

    def _count_atoms(self, atoms: list[Any]) -> None:
        """Count objects without references, many at a time: most of what there is are numbers and texts."""
        fresh = dict(zip(map(id, atoms), atoms, strict=True))
        for known in [identity for identity in fresh if identity in self.seen or identity in IMMORTAL]:
            del fresh[known]
        sizes = [(size + ALIGNMENT) & ~ALIGNMENT for size in map(sys.getsizeof, fresh.values())]
        self.seen.update(fresh)
        self.holding.found.update(zip(fresh, sizes, strict=True))
        self.holding.total += sum(sizes)

    def _gain(self, identity: int, size: int) -> None:
        """Book memory, unless it is booked already."""
        if identity not in self.seen:
            self.seen.add(identity)
            self.holding.found[identity] = size
            self.holding.total += size

    def _count(self, item: Any, following: list[Any]) -> None:
        kind, identity = type(item), id(item)
        if identity in self.seen or identity in IMMORTAL or issubclass(kind, _PROGRAM):
            return
        if kind in _CONTAINERS:
            self._gain(identity, shallow(item))
            for part in (item.keys(), item.values()) if kind is dict else (item,):
                self._enter(part, following)
        elif (parts := self._opened(item)) is not None:
            self._gain(identity, kind.__basicsize__ + GC_HEADER)
            self._open(parts, following)
            following += gc.get_referents(
                item
            )  # attributes of derived types, such as the mask of a masked array
        else:
            found = references(item)
            self._gain(identity, instance(item, found))
            following += found

    def _opened(self, item: Any) -> Parts | None:
        kind = type(item)
        if kind not in self.openings:
            self.openings[kind] = opening(kind)
        resolve = self.openings[kind].resolve
        return None if resolve is None else resolve(item)

    def _owns(self, kind: type) -> bool:
        if kind not in self.openings:
            self.openings[kind] = opening(kind)
        return self.openings[kind].owns

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

    # --- what is too much to be visited -----------------------------------------------------------

    def _sample(self, elements: Collection[Any]) -> None:
        """Visit what owns buffers or is rare; extrapolate the rest from a sample."""
        self.holding.approx = True
        counts = kinds(elements, Walk(self._clock.half()).is_late)
        apart = {kind for kind, count in counts.items() if self._owns(kind) or count <= _RARE}
        if len(counts) == 1:
            apart = {kind for kind in apart if self._owns(kind)}
        if counts.total() < len(elements):  # there was no time to look at all of them
            self.holding.hurried, apart = True, set()
        if apart:
            self._visit_parts(select(elements, apart))
        if set(counts) - apart:
            self._extrapolate(elements, len(elements) - sum(counts[kind] for kind in apart), apart)

    def _visit_parts(self, items: list[Any]) -> None:
        """Visit the largest of what owns buffers or is rare, and what there are a sample's worth of; the rest is alike."""
        if len(items) > LIMIT and not self.is_late():
            items = sorted(items, key=data, reverse=True)
        self.visit(items[:LIMIT])
        if rest := items[LIMIT:]:
            self._extrapolate(rest, len(rest), set())

    def _estimate(self, pending: list[Any]) -> None:
        """Book what there is no time to visit at the size of a few of it, apart for what owns buffers."""
        if not pending:
            return
        self.holding.approx = self.holding.hurried = True
        left = self._clock.end - perf_counter()
        if left < _SAMPLING:
            broad = left > _SAMPLING / 4
            self._guess(pending, len(pending), _BROAD if broad else _NARROW, _DEPTH if broad else 1)
            return
        owning = {kind for kind in set(map(type, spread(pending, _SHOWN))) if self._owns(kind)}
        if owning and len(pending) * _SELECTING < left / 4:
            owners = select(pending, owning)
            self._extrapolate(owners, len(owners), set())
        else:
            owners, owning = [], set()
        if population := len(pending) - len(owners):
            self._extrapolate(pending, population, owning)

    def _extrapolate(self, elements: Collection[Any], population: int, apart: set[type]) -> None:
        clock = self._clock.half()
        trial = Walk(clock, self)
        drawn = draw(elements, clock.end - perf_counter())
        if apart:
            drawn = [element for element in drawn if type(element) not in apart]
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
                if len(sample.sizes) >= _GLANCE and trial.is_late():
                    break
            if sample.settled() or trial.is_late():
                break
        self.holding.hurried = self.holding.hurried or trial.holding.hurried or trial.is_late()
        if trial.holding.total:
            self._book(trial.holding, sample.estimate() / trial.holding.total)

    def _guess(self, pending: list[Any], population: int, width: int, depth: int) -> None:
        """Book objects at the size of a few of them, and those at the size of a few of their own."""
        few = Walk(self._clock, self)
        shown = spread(pending, width)
        for item in shown:
            few._glance(item, depth)
        self._book(few.holding, population / len(shown))

    def _glance(self, item: Any, depth: int) -> None:
        kind = type(item)
        following: list[Any] = []
        if kind in _CONTAINERS:
            if not item or id(item) in self.seen:
                return
            self._gain(id(item), shallow(item))
            following += islice(item, _NARROW)
            if kind is dict:
                following += islice(item.values(), _NARROW)
            population = len(item) * len(following) // min(len(item), _NARROW)
        else:
            self._count(item, following)
            population = len(following)
        if depth and following:
            self._guess(following, population, 2 * _NARROW, depth - 1)

    def _book(self, sample: Holding, scale: float) -> None:
        self.holding.found.update((identity, size * scale) for identity, size in sample.found.items())
        self.holding.total += sample.total * scale
