"""Leaves and nodes of the tree of keys, pickled with less ado."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from zodbpickle import pickle

from pforge_lab.state.zodb.layout import KeyTree
from pforge_lab.state.zodb.values import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import Callable

    from BTrees.OOBTree import OOBucket


class TreePickler:
    """Pickles leaves of the tree byte for byte as ZODB does, and nodes so that they read the same.

    ZODB asks a Python function about every object in a record whether it is persistent, which takes a
    third of the time of a leaf. Here it is known which are: in a leaf the next one, and what holds a large value;
    in a node what it leads to, and the first leaf.
    """

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._pickler = pickle.Pickler(self._buffer, PROTOCOL)

    def dump(self, part: OOBucket | KeyTree, refer: Callable[[Any], Any]) -> bytes | None:
        """Return the record of ``part``, or None for one that has nothing, or a leaf within it.

        Parameters
        ----------
        part
            What to pickle.
        refer
            Returns how a record refers to a persistent object, and sees to it that new ones are stored.
        """
        state: Any = part.__getstate__()
        kind = type(part)
        if state is None or (kind is KeyTree and len(state) == 1):
            return None
        entries = state[0]
        if kind is KeyTree:
            known = {child: refer(child) for child in entries[::2]}
        else:
            known = {entry[1]: refer(entry[1]) for entry in entries[1::2] if type(entry) is not bytes}
        if len(state) > 1:
            known[state[1]] = refer(state[1])
        self._buffer.seek(0)
        self._pickler.clear_memo()
        self._pickler.persistent_id = known.get
        self._pickler.dump(kind)
        self._pickler.dump(state)
        self._buffer.truncate()
        return self._buffer.getvalue()
