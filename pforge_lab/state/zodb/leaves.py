"""Leaves of a tree of small values, pickled with less ado."""

from __future__ import annotations

import io

from BTrees.OOBTree import OOBucket
from zodbpickle import binary, pickle

from pforge_lab.state.zodb.values import PROTOCOL


class LeafPickler:
    """Pickles leaves whose values are all inline, byte for byte as ZODB does.

    ZODB asks a Python function about every object in a record whether it is persistent, which takes a
    third of the time of a leaf. Of such a leaf the answer is known: only the next leaf is.
    """

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._pickler = pickle.Pickler(self._buffer, PROTOCOL)

    def dump(self, leaf: OOBucket) -> bytes | None:
        """Return the record of ``leaf``, or None if it holds, or leads to, anything that needs a closer look."""
        state = leaf.__getstate__()
        if state is None or not all(type(value) is bytes for value in state[0][1::2]):
            return None
        following = {}
        if len(state) > 1:
            after = state[1]
            if after._p_oid is None or after._p_jar is not leaf._p_jar:  # noqa: SLF001 - for whom stores objects
                return None
            following[after] = (binary(after._p_oid), OOBucket)  # noqa: SLF001
        self._buffer.seek(0)
        self._pickler.clear_memo()
        self._pickler.persistent_id = following.get
        self._pickler.dump(OOBucket)
        self._pickler.dump(state)
        self._buffer.truncate()
        return self._buffer.getvalue()
