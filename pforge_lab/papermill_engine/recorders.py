"""Who records the cells: a recorder in the kernel, or this process beside it."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Protocol

from pforge_lab.meter.other import ChildrenOf

if TYPE_CHECKING:
    from collections.abc import Callable

Facts = dict[str, Any]


class Recorder(Protocol):
    """Is told when cells begin and end."""

    def enter(self) -> None:
        """Note that a cell begins."""

    def exit(self, place: int, cell: Any, error: BaseException | None) -> None:
        """Note that a cell has ended, of which number, and what stopped the notebook there."""

    def end(self) -> Facts:
        """Return what came of it."""

    def close(self) -> None:
        """Give everything back, whether it ended well or not."""


class InKernel:
    """The recorder in the kernel, which alone holds the store while it lives.

    Parameters
    ----------
    ask
        Has the kernel evaluate a function of `pforge_lab.notebook.asked`.
    pid
        Of the kernel, whose child processes are looked at from here; None where it is not known.
    """

    def __init__(self, ask: Callable[..., Facts], pid: int | None) -> None:
        self._ask = ask
        self._children = None if pid is None else ChildrenOf(pid)

    def enter(self) -> None:
        """Begin to look at children of the kernel."""
        if self._children is not None:
            self._children.enter()

    def exit(self, place: int, cell: Any, error: BaseException | None) -> None:  # noqa: ARG002 - the protocol
        """Send what children of the kernel held, when it had any."""
        peak = None if self._children is None else self._children.exit()
        if peak is not None and error is None:
            self._ask("note", place, peak)

    def end(self) -> Facts:
        """Have the recorder stop."""
        return self._ask("end")

    def close(self) -> None:
        """Look at children no more."""
        if self._children is not None:
            self._children.close()


def answered(reply: Facts | None) -> tuple[Facts | None, str]:
    """Return what a recorder in a kernel answered, or None and why there is none."""
    answer = ((reply or {}).get("content") or {}).get("user_expressions", {}).get("pforge", {})
    if answer.get("status") != "ok":
        return None, answer.get("evalue") or "it answers no expressions"
    return dict(json.loads(ast.literal_eval(answer["data"]["text/plain"]))), ""
