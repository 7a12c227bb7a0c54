"""What browsers share: what a page asks is answered in one thread of the browser's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from pforge_lab.widgets.static import style
from pforge_lab.widgets.staying import Staying

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_ROWS = 500  # of one answer


class Browser(Staying):
    """A list to look through; subclasses have ``answers`` and the forms that stay without a kernel."""

    _css = traitlets.Unicode().tag(sync=True)
    answers: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], Any]]] = {}

    def __init__(self, **traits: Any) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"pforge-lab-{type(self).__name__}")
        super().__init__(_css=style(), **traits)
        self.on_msg(self._received)

    def close(self) -> None:
        """End the browser; what it shows stays as it is."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _received(self, _: object, message: dict[str, Any], __: object) -> None:
        answer = self.answers.get(str(message.get("ask")))
        if answer is not None:
            self._worker.submit(self._answer, answer, message)

    def _answer(self, answer: Callable[[Any, dict[str, Any]], Any], message: dict[str, Any]) -> None:
        told = {"ask": message["ask"], "asked": message.get("asked")}
        try:
            self.send(told | {"data": answer(self, message)})
        except Exception as error:  # noqa: BLE001 - shown to whoever clicked
            self.send(told | {"error": str(error) or type(error).__name__})


def window(rows: list[Any], asked: dict[str, Any]) -> tuple[int, list[Any]]:
    """Return the rows that were asked for, at most `MOST_ROWS`, and where they start.

    Examples
    --------
    >>> window(list("abcd"), {"start": 1, "count": 2})
    (1, ['b', 'c'])
    """
    start = max(0, int(asked["start"]))
    return start, rows[start : start + min(int(asked["count"]), MOST_ROWS)]


def place_of(asked: dict[str, Any], keys: list[str]) -> int | None:
    """Return where the row is that is to stay chosen, or None if it is not among the keys.

    Examples
    --------
    >>> place_of({"kept": "b"}, ["a", "b"]), place_of({}, ["a", "b"])
    (1, None)
    """
    return keys.index(asked["kept"]) if asked.get("kept") in keys else None
