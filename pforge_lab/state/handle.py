"""What is open: how it is named, who holds it, and when it closes."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, Self, cast

from pforge_lab.errors import StateClosed, StateReadOnly, WrongValue

if TYPE_CHECKING:
    from types import TracebackType

Mode = Literal["r", "w"]


def check_mode(mode: str) -> Mode:
    """Return ``mode`` if it is one."""
    if mode not in ("r", "w"):
        raise WrongValue(f"mode is 'r' to read or 'w' to read and write, not {mode!r}")
    return cast("Mode", mode)


class Handle(ABC):
    """Something open that several holders may share; it closes when the last lets go.

    Attributes
    ----------
    url
        Opens the same thing again.
    mode
        ``"w"`` to read and write, ``"r"`` to read.
    """

    def __init__(self, url: str, mode: Mode) -> None:
        self.url = url
        self.mode = check_mode(mode)
        self._holders = 1
        self._holders_lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether every holder has let go.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.close()
        >>> state.closed
        True
        """
        return self._holders == 0

    def hold(self) -> bool:
        """Count one more holder, so that one more ``close()`` is needed; False if it is closed already.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.hold()
        True
        >>> state.close()
        >>> state.closed
        False
        """
        with self._holders_lock:
            if self._holders:
                self._holders += 1
            return self._holders > 0

    def close(self) -> None:
        """Let go. The last of the holders closes; closing what is closed does nothing."""
        with self._holders_lock:
            last = self._holders == 1
            self._holders = max(0, self._holders - 1)
        if last:
            self._close()

    def __enter__(self) -> Self:
        self.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else {"r": "read-only", "w": "open"}[self.mode]
        return f"<{type(self).__name__} {self.url} ({state})>"

    @abstractmethod
    def _close(self) -> None:
        """Let go of files and connections; called once."""

    def check_open(self) -> None:
        """Do nothing while somebody holds the store.

        Raises
        ------
        StateClosed
            Once every holder has let go.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.close()
        >>> state.check_open()
        Traceback (most recent call last):
        pforge_lab.errors.StateClosed: ...
        """
        if not self._holders:
            again = f"open_state({self.url!r})" if self.mode == "w" else f"open_state({self.url!r}, mode='r')"
            raise StateClosed(f"{self.url} is closed; open it again with {again}", url=self.url)

    def check_writable(self) -> None:
        """Do nothing if the store can be written.

        Raises
        ------
        StateReadOnly
            If it was opened to be read.
        StateClosed
            Once every holder has let go.

        Examples
        --------
        >>> from pforge_lab.state import MemoryStateManager
        >>> state = MemoryStateManager()
        >>> state.check_writable()
        """
        self.check_open()
        if self.mode == "r":
            raise StateReadOnly(
                f"{self.url} is open with mode='r'; open it with mode='w' to write", url=self.url
            )
