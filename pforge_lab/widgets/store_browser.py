"""The store browser: keys to look through in a notebook. What it shows is made by `views.keys`."""

from __future__ import annotations

import math
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from pforge_lab.errors import UsageError
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.values.format import NONE, duration, place, shorten, size
from pforge_lab.views import keys
from pforge_lab.widgets.browsing import Browser, place_of, window
from pforge_lab.widgets.static import script

if TYPE_CHECKING:
    from pforge_lab.state import StateManager

MOST_KEPT = 64 << 20  # bytes of deleted values that can be put back


class StoreBrowser(Browser):
    """A store to look through: keys by prefix and search, sizes, lifetimes, values; delete with undo.

    Parameters
    ----------
    state
        The store. Opened with ``mode="r"`` it can be looked at only.

    Notes
    -----
    What was deleted can be put back as long as the browser lives: it keeps the last 64 MiB of them. All that is asked
    of the store happens in one thread of its own.
    """

    _esm = script("store.js")
    url = traitlets.Unicode().tag(sync=True)
    readonly = traitlets.Bool().tag(sync=True)

    def __init__(self, state: StateManager) -> None:
        self.state = state
        self._deleted: list[tuple[str, bytes, float]] = []
        self._listed: tuple[tuple[Any, ...], list[str]] = ((), [])
        self._lock = threading.Lock()
        super().__init__(url=shorten(place(state.url), 120), readonly=state.mode == "r")

    def page(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return rows ``start`` to ``start + count`` of the keys that match, and how many do.

        Keys are listed anew at the start of the list, so that scrolling shows one state of it.
        """
        query = (asked["prefix"], asked["containing"], bool(asked["own"]))
        if asked["start"] == 0 or self._listed[0] != query:
            self._listed = (query, keys.listed(self.state, query[0], query[1], own=query[2]))
        found = self._listed[1]
        start, asked_for = window(found, asked)
        there = {row.key: _shown(row) for row in keys.key_rows(self.state, asked_for)}
        gone = {"bytes": 0, "size": "gone", "ttl": "", "kind": ""}
        rows = [there.get(key, {"key": key} | gone) for key in asked_for]
        return {"total": len(found), "start": start, "rows": rows, "at": place_of(asked, found)}

    def value(self, asked: dict[str, Any]) -> str:
        """Return one value to look at, as HTML."""
        value = self.state.get(asked["key"])
        if value is None:
            raise UsageError(f"there is no key {asked['key']!r} any more; refresh the list")
        return keys.value_html(asked["key"], value)

    def delete(self, asked: dict[str, Any]) -> str:
        """Delete a key and return what was done."""
        key = asked["key"]
        value, ttl = self.state.get(key), self.state.ttl(key)
        if value is None or not self.state.compare_and_set(key, value, None):
            raise UsageError(f"{key!r} is not there any more, or was written meanwhile; refresh the list")
        if len(value) > MOST_KEPT:
            return f"Deleted {key}. It is too large to be put back."
        with self._lock:
            self._deleted.append((key, value, math.inf if ttl is None else ttl))
            while sum(len(kept) for _, kept, _ in self._deleted) > MOST_KEPT:
                del self._deleted[0]
        return f"Deleted {key}. Undo puts it back."

    def undo(self, _: dict[str, Any]) -> str:
        """Put back what was deleted last, unless somebody has written the key since."""
        with self._lock:
            if not self._deleted:
                raise UsageError("nothing was deleted here that could be put back")
            key, value, ttl = self._deleted[-1]
            if not self.state.compare_and_set(key, None, value, ttl):
                raise UsageError(f"{key!r} was written again meanwhile; what was deleted is kept here")
            self._deleted.pop()
        return f"{key} is back."

    def compact(self, _: dict[str, Any]) -> str:
        """Remove snapshots that no run needs, give their space back, and return what that came to."""
        before = self.state.stats().file_bytes
        collect_chunks(self.state)
        self.state.compact()
        after = self.state.stats().file_bytes
        if before is None or after is None:
            return "Compacted."
        return f"Compacted: {size(before)} are {size(after)} now."

    def stats(self, _: dict[str, Any]) -> str:
        """Return what the store holds at a glance, as HTML."""
        return keys.stats_html(self.state.stats())

    def forms(self) -> tuple[str, str]:
        """Return the store's table, as HTML and as text."""
        return keys.store_html(self.state), keys.store_text(self.state)

    answers: ClassVar = {
        "page": page, "value": value, "stats": stats, "delete": delete, "undo": undo, "compact": compact,
    }  # fmt: skip


def _shown(row: keys.KeyRow) -> dict[str, Any]:
    ttl = NONE if row.ttl is None else duration(row.ttl)
    return asdict(row) | {"ttl": ttl, "size": size(row.bytes)}
