"""Streams that no pickler writes: calls of anything, states of anything, and objects changed once they are held."""

from __future__ import annotations

import copyreg
import io
import pickle

KEEP, TAKE = b"r\xe8\x03\x00\x00", b"j\xe8\x03\x00\x00"  # the object on top; the object that was kept


class Call:
    """Pickles as a call of anything, and a state."""

    def __init__(self, function, *arguments, state=None):
        self.function, self.arguments, self.state = function, arguments, state


class Stream(bytes):
    """Pickles as it stands."""


def new(kind, state):
    """Return what pickles as an object of a class that was given a state."""
    return Call(copyreg.__newobj__, kind, state=state)


class _Pickler(pickle._Pickler):
    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Call):
            self.save_reduce(obj.function, obj.arguments, obj.state)
        elif isinstance(obj, Stream):
            self.write(obj)
        else:
            super().save(obj, save_persistent_id)


def part(value):
    """Return the part of a stream that makes a value."""
    file = io.BytesIO()
    pickler = _Pickler(file, protocol=5)
    pickler.fast = True  # nothing is kept by number: parts stand anywhere
    pickler.save(value)
    return Stream(file.getvalue())


def stream(value):
    """Return a stream that makes a value."""
    return b"\x80\x05" + part(value) + b"."
