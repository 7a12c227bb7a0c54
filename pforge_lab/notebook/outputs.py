"""What a cell displayed, as its outputs and as lines of a log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.records import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_SHOWN = frozenset(("stream", "display_data", "execute_result", "error", "clear_output"))
_FIRST, _LAST = 100, 299  # lines of a longer log that stay


class Overheard:
    """Listens to what a kernel sends to its clients.

    Parameters
    ----------
    session
        The kernel's; None where there is none, as in a terminal.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._messages: list[tuple[str, dict[str, Any]]] = []
        self._send: Callable[..., Any] | None = None

    def start(self) -> None:
        """Begin to listen."""
        if self._session is not None:
            self._send = self._session.send
            self._session.send = self._hear

    def stop(self) -> None:
        """Listen no longer."""
        if self._session is not None:
            self._session.send = self._send

    def clear(self) -> None:
        """Forget what was heard."""
        self._messages.clear()

    def outputs(self) -> tuple[dict[str, Any], ...]:
        """Return what was heard as the outputs of a cell."""
        return outputs_of(self._messages)

    def _hear(self, stream: Any, msg_or_type: Any, content: Any = None, *args: Any, **more: Any) -> Any:
        kind = msg_or_type if isinstance(msg_or_type, str) else msg_or_type.get("msg_type")
        if kind in _SHOWN:
            full = msg_or_type if content is None and isinstance(msg_or_type, dict) else {"content": content}
            self._messages.append((kind, full.get("content") or {}))
        assert self._send is not None  # noqa: S101 - only what listens hears
        return self._send(stream, msg_or_type, content, *args, **more)


def outputs_of(messages: Sequence[tuple[str, dict[str, Any]]]) -> tuple[dict[str, Any], ...]:
    """Return messages as the outputs of a cell, as a client of the kernel would show them."""
    outputs: list[dict[str, Any]] = []
    for kind, content in list(messages):
        if kind == "clear_output":
            outputs.clear()
            continue
        fields = {key: value for key, value in content.items() if key != "transient"}
        output = {"output_type": kind} | fields
        last = outputs[-1] if outputs else {}
        if kind == "stream" and last.get("output_type") == kind and last["name"] == output["name"]:
            last["text"] += output["text"]
        else:
            outputs.append(output)
    return tuple(json.loads(json.dumps(outputs, default=repr)))


def log_of(outputs: Sequence[dict[str, Any]]) -> tuple[LogLine, ...]:
    """Return the lines that a cell printed; of very many the first and the last."""
    lines = [
        LogLine(output["name"], line)
        for output in outputs
        if output["output_type"] == "stream"
        for line in output["text"].splitlines()
    ]
    if len(lines) > _FIRST + _LAST:
        lines = [*lines[:_FIRST], LogLine("stderr", "…"), *lines[-_LAST:]]
    return tuple(lines)
