"""Fingerprints of values: what tells that two snapshots of a variable are the same, and who shares what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xxhash

from pforge_lab.runs.chunks import NOTHING, cut_like

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from pforge_lab.runs.manifest import Buffers, Group
    from pforge_lab.serialization import Packed


def cuts_before(before: Group | None, packed: Packed) -> Buffers:
    """Return how each buffer was cut before, as far as there are as many of them."""
    if before is None or len(before.buffers) != len(packed.buffers):
        return (NOTHING,) * len(packed.buffers)
    return before.buffers


def print_of(packed: Packed, before: Group | None) -> str:
    """Return the fingerprint of a value, its buffers cut as they were before."""
    pairs = zip(packed.buffers, cuts_before(before, packed), strict=True)
    return fingerprint(packed.stream, tuple(cut_like(buffer, old)[0] for buffer, old in pairs))


def place(buffer: memoryview | bytearray) -> tuple[int, int]:
    """Return where in memory a buffer is, and how large it is."""
    held = np.frombuffer(buffer, np.uint8)
    return held.__array_interface__["data"][0], held.nbytes


def fingerprint(stream: bytes, buffers: Buffers) -> str:
    """Return the fingerprint of a value from its pickle stream, and how its buffers are cut."""
    if not buffers:
        return xxhash.xxh3_128_hexdigest(stream)
    mark = xxhash.xxh3_128(stream)
    for cut in buffers:
        mark.update(cut.fingerprint().encode())
    return mark.hexdigest()


def sharing(packs: Mapping[str, Packed]) -> list[tuple[str, ...]]:
    """Partition the names so that two variables that share a mutable object are in one part."""
    owner: dict[Hashable, str] = {}
    leader = {name: name for name in packs}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    for name, packed in packs.items():
        for number in packed.shared:
            first = owner.setdefault(number, name)
            if first != name:
                leader[find(name)] = find(first)
    for name, packed in packs.items():
        for number in packed.blocks:
            if number in owner:
                leader[find(name)] = find(owner[number])
    parts: dict[str, list[str]] = {}
    for name in packs:
        parts.setdefault(find(name), []).append(name)
    return [tuple(names) for names in parts.values()]
