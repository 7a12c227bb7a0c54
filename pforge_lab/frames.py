"""Pickle streams without frames: what does not change stays the same bytes when something before it grows.

A pickler cuts its stream into frames of 64 KiB, counted from the start, and writes the length in front of
each: one byte more at the beginning moves every frame behind it. An unpickler needs no frames.
"""

from __future__ import annotations

import pickle
import pickletools

_FRAME = pickle.FRAME[0]
_LENGTH = 8  # bytes that tell the length of a frame
_LARGE = {  # what is too large for a frame stands between two, behind its length in so many bytes
    pickle.BINBYTES[0]: 4,
    pickle.BINBYTES8[0]: 8,
    pickle.BINUNICODE[0]: 4,
    pickle.BINUNICODE8[0]: 8,
    pickle.BYTEARRAY8[0]: 8,
}
_FIXED = {
    ord(op.code): 1 + (op.arg.n if op.arg else 0)
    for op in pickletools.opcodes
    if op.arg is None or op.arg.n >= 0
}


def unframed(stream: bytes) -> bytes:
    """Return a pickle stream of protocol 4 or 5 without its frames; it loads as before.

    Costs a copy of the stream. One that is written in another way is returned as it is.

    Examples
    --------
    >>> value = [f"text {number}" for number in range(20_000)]
    >>> stream = pickle.dumps(value, protocol=5)
    >>> plain = unframed(stream)
    >>> stream.count(pickle.FRAME) > 1, plain.count(pickle.FRAME), pickle.loads(plain) == value
    (True, 0, True)
    """
    view, parts, place = memoryview(stream), [], 0
    while place < len(stream):
        code = stream[place]
        if code == _FRAME:
            start = place + 1 + _LENGTH
            place = start + _number(view[place + 1 : start])
        elif code in _LARGE:
            start = place
            place += 1 + _LARGE[code] + _number(view[place + 1 : place + 1 + _LARGE[code]])
        elif code in _FIXED:  # a few bytes need no frame
            start = place
            place += _FIXED[code]
        else:
            return stream
        if place > len(stream):
            return stream
        parts.append(view[start:place])
    return b"".join(parts)


def _number(data: memoryview) -> int:
    return int.from_bytes(data, "little")
