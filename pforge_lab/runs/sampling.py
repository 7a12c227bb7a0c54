"""Sizes of containers too large to visit: stride samples, extrapolated.

The size of a large container is estimated as the marginal bytes of an element, given those met
before it, times the number of distinct elements. What all elements have in common (interned keys,
shared parts) is thereby counted once, and a column of few distinct strings is not counted as if
each row had its own.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

ROUNDS = 8
PER_ROUND = 600
DRAWN = 16_000
_DRAWN_LEAST = 100
_DRAWING = 1e-6  # seconds to draw an element, with what is counted of it; a third of the time goes into that
_PASSING = 2e-8  # seconds to pass by an element that is not drawn
_CHUNK = 4096
_GOLDEN = (1 + math.sqrt(5)) / 2
_GOOD_ENOUGH = 0.03  # standard error, relative to the mean


@dataclass(slots=True)
class Sample:
    """Marginal bytes of distinct elements, in the order they were met.

    Parameters
    ----------
    distinct
        How many distinct elements the whole population has.

    Examples
    --------
    >>> sample = Sample(distinct=10_000)
    >>> sample.sizes += [32] * 100
    >>> sample.estimate()
    320000
    """

    distinct: float
    sizes: list[float] = field(default_factory=list)

    def settled(self) -> bool:
        """Return whether more elements would hardly change the mean."""
        mean, deviation = self._mean_and_deviation()
        return mean == 0 or deviation / math.sqrt(len(self._later())) / mean < _GOOD_ENOUGH

    def estimate(self) -> int:
        """Return the bytes of the population of which the sample was drawn."""
        if not self.sizes:
            return 0
        first = len(self.sizes) - len(self._later())
        mean, _ = self._mean_and_deviation()
        return round(sum(self.sizes[:first]) + mean * max(len(self._later()), self.distinct - first))

    def _later(self) -> list[float]:
        """Leave out the first quarter, which pays for what all elements have in common."""
        return self.sizes[len(self.sizes) // 4 :]

    def _mean_and_deviation(self) -> tuple[float, float]:
        later = self._later()
        if not later:
            return 0.0, 0.0
        mean = sum(later) / len(later)
        return mean, math.sqrt(sum((size - mean) ** 2 for size in later) / len(later))


def distinct(drawn: list[Any], population: int) -> float:
    """Estimate how many distinct objects a population has from repeats among those drawn.

    What is met three times or more is common and known. The rest is all distinct if no pair is
    met in it; otherwise Chao's estimator tells how many are unseen.

    Examples
    --------
    >>> words = [object() for _ in range(1000)]
    >>> round(distinct(words * 16, 1_000_000))
    1000
    >>> round(distinct(words, 1_000_000))
    1000000
    """
    frequencies = Counter(Counter(map(id, drawn)).values())
    once, twice = frequencies[1], frequencies[2]
    common = frequencies.total() - once - twice
    rest = population * (once + 2 * twice) / max(1, len(drawn))
    if not twice:
        return common + rest
    return common + min(rest, once + twice + once * once / (2 * twice))


def draw(elements: Any, seconds: float) -> list[Any]:
    """Return thousands of elements spread over the whole container, fewer when there is little time.

    Each is taken at random from its share of the container, so that a period in the data does
    no harm; the same container gives the same elements every time. Sequences are indexed (5 ms);
    sets and dictionary views have to be iterated over (20 ns an element), as far as time allows.
    """
    number = max(_DRAWN_LEAST, min(DRAWN, seconds / 3 / _DRAWING))
    chance = random.Random(0).random  # noqa: S311 - for statistics
    if isinstance(elements, Sequence) or hasattr(elements, "dtype"):
        share = max(1.0, len(elements) / number)
        return [elements[int((place + chance()) * share)] for place in range(int(len(elements) / share))]
    reach = min(len(elements), max(_CHUNK, seconds / 3 / _PASSING))
    share = max(1.0, reach / number)
    drawn: list[Any] = []
    start, wanted = 0, chance() * share
    for chunk in _chunks(elements):
        while wanted < start + len(chunk):
            drawn.append(chunk[int(wanted) - start])
            wanted = (len(drawn) + chance()) * share
        start += len(chunk)
        if start >= reach:
            break
    return drawn


def rounds(drawn: list[Any]) -> Iterator[list[Any]]:
    """Yield a few hundred of the drawn elements at a time; those that begin a round are spread over all of them, too."""
    step = max(1, len(drawn) // PER_ROUND)
    for turn in range(min(ROUNDS, step)):
        few = drawn[turn::step]
        yield spread(few, len(few))


def spread(items: list[Any], number: int) -> list[Any]:
    """Return so many of the items, or all, in an order in which the first few are spread over all of them.

    Steps of the golden section keep farthest apart from each other, and step in time with no
    period in the items.

    Examples
    --------
    >>> spread(list(range(100)), 4)
    [0, 63, 26, 89]
    """
    stride = max(1, round(len(items) / _GOLDEN))
    while math.gcd(stride, len(items)) > 1:
        stride += 1
    return [items[place * stride % len(items)] for place in range(min(number, len(items)))]


def kinds(elements: Any, late: Callable[[], bool]) -> Counter[type]:
    """Count the elements by type, as far as time allows.

    A sample would miss the one array of 100 MB among a million numbers. Takes 20 ns an element.
    """
    counts: Counter[type] = Counter()
    for chunk in _chunks(elements):
        found = set(map(type, chunk))
        if len(found) == 1:
            counts[found.pop()] += len(chunk)
        else:
            counts.update(map(type, chunk))
        if late():
            break
    return counts


def select(elements: Any, wanted: Collection[type]) -> list[Any]:
    """Return the elements of these types; takes 40 ns an element."""
    return list(compress(elements, map(wanted.__contains__, map(type, elements))))


def _chunks(elements: Any) -> Iterator[list[Any]]:
    if hasattr(elements, "dtype"):  # iterating over an array of objects takes three times as long
        for start in range(0, len(elements), _CHUNK):
            yield elements[start : start + _CHUNK].tolist()
        return
    stream = iter(elements)
    while chunk := list(islice(stream, _CHUNK)):
        yield chunk
