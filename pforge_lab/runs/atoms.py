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


def atom(value: object) -> dict[int, float] | None:
    """Return what a number or a text keeps alive, bytes by identity, as a walk finds it; None for any other value.

    Examples
    --------
    >>> list(atom(1.5).values()), atom(1), atom([])
    ([32], {}, None)
    """
    if type(value) not in ATOMS:
        return None
    identity = id(value)
    if identity in IMMORTAL:
        return {}
    return {identity: (sys.getsizeof(value) + ALIGNMENT) & ~ALIGNMENT}
