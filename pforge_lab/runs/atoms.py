"""Objects without references: numbers and texts, most of what there is."""

from __future__ import annotations

import sys

from pforge_lab.runs.objects import ALIGNMENT

ATOMS = frozenset({int, float, complex, bool, str, bytes, bytearray, type(None), range})
IMMORTAL = frozenset(
    map(
        id, (None, True, False, Ellipsis, NotImplemented, (), "", b"", *range(-5, 257), *map(chr, range(256)))
    ),
)


def atom(value: object) -> tuple[int, int] | None:
    """Return the identity of a number or a text and its bytes, as a walk finds it; None for any other value.

    What never goes away counts no bytes.

    Examples
    --------
    >>> atom(1.5)[1], atom(1)[1], atom([])
    (32, 0, None)
    """
    if type(value) not in ATOMS:
        return None
    identity = id(value)
    if identity in IMMORTAL:
        return identity, 0
    return identity, (sys.getsizeof(value) + ALIGNMENT) & ~ALIGNMENT
