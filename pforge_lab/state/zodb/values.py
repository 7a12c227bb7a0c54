"""Records of values, written and read without a pickler, byte for byte as ZODB does."""

from __future__ import annotations

import io
import struct
from typing import Any

from zodbpickle import pickle

from pforge_lab.state.zodb.layout import Value

PROTOCOL = 3  # what ZODB writes
_LENGTH = struct.Struct("<I")
_SHORT = 256  # bytes, below which pickle writes another form


def _class_pickle() -> bytes:
    """Return what a record of a value begins with: its class."""
    buffer = io.BytesIO()
    pickle.Pickler(buffer, PROTOCOL).dump(Value)
    return buffer.getvalue()


_HEAD = _class_pickle() + b"\x80\x03B"  # protocol 3, bytes of a length of 32 bits
_END = b"q\x01."  # which are remembered as number 1; stop
_START = len(_HEAD) + _LENGTH.size


class Record:
    """The record of a value in pieces, so that the value is not copied.

    A copy of as much as a chunk is worth avoiding: it is new memory, which the system hands out page by page.

    Attributes
    ----------
    data
        The value.

    Examples
    --------
    >>> record = Record(bytes(1000))
    >>> len(record) - 1000 < 100, state_in(bytes(record)) == bytes(1000)
    (True, True)
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def pieces(self) -> tuple[bytes, bytes, bytes]:
        """What stands before the value, the value, and what stands behind it."""
        return _HEAD + _LENGTH.pack(len(self.data)), self.data, _END

    def __len__(self) -> int:
        """Return the bytes of all pieces."""
        return _START + len(self.data) + len(_END)

    def __bytes__(self) -> bytes:
        """Return the pieces joined."""
        return b"".join(self.pieces)

    @classmethod
    def read(cls, file: Any, size: int) -> Record | bytes:
        """Read a record of ``size`` bytes, in pieces if it is that of a value, else as it is."""
        start = file.read(min(size, _START))
        if start.startswith(_HEAD) and len(start) == _START:
            length = _LENGTH.unpack_from(start, len(_HEAD))[0]
            if size == _START + length + len(_END):
                data, end = file.read(length), file.read(len(_END))
                return cls(data) if end == _END and len(data) == length else start + data + end
        return bytes(start + file.read(size - len(start)))


def record_of(value: Value) -> Record | None:
    """Return the record of a value, or None if it is so short that pickle writes it in another way.

    A pickler copies the bytes several times: 0.5 ms for as many KiB; this does not.
    """
    return None if len(value.data) < _SHORT else Record(value.data)


def state_in(record: bytes) -> bytes | None:
    """Return the bytes of the value that a record is of, or None if it is of anything else."""
    if not record.startswith(_HEAD) or len(record) < _START:
        return None
    end = _START + _LENGTH.unpack_from(record, len(_HEAD))[0]
    return record[_START:end] if record[end:] == _END else None
