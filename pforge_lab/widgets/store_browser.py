"""The store browser: keys to look through in a notebook. What it shows is made by `views.keys`."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from pforge_lab.errors import UsageError
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.values.format import NONE, duration, place, shorten, size
from pforge_lab.views import keys
from pforge_lab.widgets.static import script, style

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.state import StateManager

MOST_ROWS = 500  # of one answer
MOST_KEPT = 64 << 20  # bytes of deleted values that can be put back


class StoreBrowser(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]  # anywidget is untyped here
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
    _css = traitlets.Unicode().tag(sync=True)
    url = traitlets.Unicode().tag(sync=True)
    readonly = traitlets.Bool().tag(sync=True)

    def __init__(self, state: StateManager) -> None:
        self.state = state
        self._deleted: list[tuple[str, bytes, float]] = []
        self._listed: tuple[tuple[Any, ...], list[str]] = ((), [])
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pforge-lab-store")
        super().__init__(_css=style(), url=shorten(place(state.url), 120), readonly=state.mode == "r")
        self.on_msg(self._received)

    def close(self) -> None:
        """End the browser; the store stays open."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _received(self, _: object, message: dict[str, Any], __: object) -> None:
        answer = _ANSWERS.get(str(message.get("ask")))
        if answer is not None:
            self._worker.submit(self._answer, answer, message)

    def _answer(self, answer: Callable[[StoreBrowser, dict[str, Any]], Any], message: dict[str, Any]) -> None:
        told = {"ask": message["ask"], "asked": message.get("asked")}
        try:
            self.send(told | {"data": answer(self, message)})
        except Exception as error:  # noqa: BLE001 - shown to whoever clicked
            self.send(told | {"error": str(error) or type(error).__name__})

    def page(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return rows ``start`` to ``start + count`` of the keys that match, and how many do.

        Keys are listed anew at the start of the list, so that scrolling shows one state of it.
        """
        query = (asked["prefix"], asked["containing"], bool(asked["own"]))
        if asked["start"] == 0 or self._listed[0] != query:
            self._listed = (query, keys.listed(self.state, query[0], query[1], own=query[2]))
        found = self._listed[1]
        start = max(0, int(asked["start"]))
        window = found[start : start + min(int(asked["count"]), MOST_ROWS)]
        there = {row.key: _shown(row) for row in keys.key_rows(self.state, window)}
        gone = {"bytes": 0, "size": "gone", "ttl": "", "kind": ""}
        rows = [there.get(key, {"key": key} | gone) for key in window]
        return {"total": len(found), "start": start, "rows": rows}

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

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and the store's table for where there is no kernel any more."""
        made = super()._repr_mimebundle_(**options)
        data, metadata = made if isinstance(made, tuple) else (made or {}, {})  # type: ignore[redundant-expr]
        forms = {"text/html": keys.store_html(self.state), "text/plain": keys.store_text(self.state)}
        return {**(data or {}), **forms}, metadata


def _shown(row: keys.KeyRow) -> dict[str, Any]:
    ttl = NONE if row.ttl is None else duration(row.ttl)
    return asdict(row) | {"ttl": ttl, "size": size(row.bytes)}


_ANSWERS: dict[str, Callable[[StoreBrowser, dict[str, Any]], Any]] = {
    "page": StoreBrowser.page,
    "value": StoreBrowser.value,
    "stats": lambda browser, _: keys.stats_html(browser.state.stats()),
    "delete": StoreBrowser.delete,
    "undo": StoreBrowser.undo,
    "compact": StoreBrowser.compact,
}
