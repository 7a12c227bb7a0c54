"""The keys of a store as tables: what is there, how large, until when, and a look at one value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import PforgeError
from pforge_lab.serialization import unpack
from pforge_lab.values.format import NONE, count, duration, place, shorten, size
from pforge_lab.views.blocks import Column, Line, Row, Table, Title, words
from pforge_lab.views.html_blocks import render as as_html
from pforge_lab.views.preview import preview_blocks
from pforge_lab.views.text_blocks import render as as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.state import StateManager
    from pforge_lab.state.stats import StateStats
    from pforge_lab.views.blocks import Block

OWN = "pforge/"  # keys of runs, which are looked at with other tools
MOST_SHOWN = 50
_LOOKED = 1 << 16  # bytes of a value that tell what it is
_PREVIEWED = 1 << 20  # bytes of a value that are read for a look at it
_PICKLE = b"\x80"
_NO_JSON = object()


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key.

    Attributes
    ----------
    key
        Its name.
    bytes
        Of its value.
    ttl
        Seconds it still lives, or None for ever.
    kind
        ``JSON``, ``pickle``, ``text`` or ``bytes``, from how the value begins.
    """

    key: str
    bytes: int
    ttl: float | None
    kind: str


def listed(state: StateManager, prefix: str = "", containing: str = "", *, own: bool = False) -> list[str]:
    """Return the keys that begin with ``prefix`` and contain a text; those of runs only with ``own``."""
    keys = state.keys(prefix)
    if containing:
        keys = [key for key in keys if containing in key]
    return keys if own or prefix.startswith(OWN) else [key for key in keys if not key.startswith(OWN)]


def key_rows(state: StateManager, keys: list[str]) -> list[KeyRow]:
    """Return the rows of these keys; what was deleted or has expired meanwhile is left out."""
    rows = []
    for key in keys:
        buffer = state.get_buffer(key)  # a large value is mapped, not read
        if buffer is not None:
            begin = bytes(buffer[: _LOOKED + 1])
            rows.append(KeyRow(key, buffer.nbytes, state.ttl(key), kind_of(begin)))
    return rows


def kind_of(value: bytes) -> str:
    r"""Return what a value seems to be, from its first 64 KiB.

    Examples
    --------
    >>> [kind_of(value) for value in (b'{"a": 1}', b"\x80\x05N.", b"hello", b"\xff\x00")]
    ['JSON', 'pickle', 'text', 'bytes']
    """
    begin = value[:_LOOKED]
    whole = len(value) <= _LOOKED
    if begin[:1] == _PICKLE and begin[1:2] <= b"\x05":
        return "pickle"
    try:
        text = begin.decode()
    except UnicodeDecodeError as error:
        cut = not whole and error.start >= len(begin) - 3  # within the last character
        return "text" if cut else "bytes"
    if whole and _from_json(text) is not _NO_JSON:
        return "JSON"
    return "text" if text.isprintable() or "\n" in text else "bytes"


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # none, or nested too deeply to be shown as one
        return _NO_JSON


def value_blocks(key: str, value: bytes) -> Iterator[Block]:
    """Yield a value to look at: JSON and pickles as what they hold, text and bytes as they are.

    A pickle is read by the safe unpickler: what it names beyond the safe list is told, and not built.
    """
    kind = kind_of(value)
    yield Line(words(f"{kind}, {size(len(value))}", "muted"))
    if kind == "pickle" and len(value) > _PREVIEWED:
        yield Line(words("too large to look into here", "muted"))
        return
    if kind == "pickle":
        try:
            yield from preview_blocks(unpack(value, trusted=False), key)
        except PforgeError as error:
            yield Line(words(shorten(str(error), 300), "error"))
        return
    held: Any = value
    if kind == "JSON":
        held = _from_json(value.decode())
    elif kind == "text":
        held = value[:_PREVIEWED].decode(errors="replace")
    yield from preview_blocks(held, key)


def value_html(key: str, value: bytes) -> str:
    """Return a value to look at, as HTML; bounded whatever its size."""
    return as_html(value_blocks(key, value))


def stats_blocks(stats: StateStats) -> Iterator[Block]:
    """Yield what a store holds at a glance, and its largest values."""
    yield Title(words(shorten(place(stats.url), 120), "strong"))
    facts = [f"{count(stats.keys, 'key')}", size(stats.bytes)]
    facts += [f"{stats.expired:,} expired"] if stats.expired else []
    facts += [f"{size(stats.file_bytes)} on disk"] if stats.file_bytes is not None else []
    yield Line(words(", ".join(facts)))
    if stats.largest:
        rows = tuple(
            Row((words(shorten(key, 100), "code"), words(size(held)))) for key, held in stats.largest
        )
        yield Table("Largest values", (Column("Key", flexible=True), Column("Size", "right")), rows, header=0)


def stats_html(stats: StateStats) -> str:
    """Return what a store holds at a glance, as HTML."""
    return as_html(stats_blocks(stats))


def store_blocks(state: StateManager) -> Iterator[Block]:
    """Yield a store as it stays where there is no kernel: figures and the first keys."""
    keys = listed(state)
    yield from stats_blocks(state.stats())
    rows = [
        Row(
            (
                words(shorten(row.key, 100), "code"),
                words(size(row.bytes)),
                words(NONE if row.ttl is None else duration(row.ttl)),
                words(row.kind),
            )
        )
        for row in key_rows(state, keys[:MOST_SHOWN])
    ]
    if left := len(keys) - len(rows):
        rows.append(Row((words(f"… {count(left, 'key')} left out", "muted"),), "gap"))
    columns = (
        Column("Key", flexible=True),
        Column("Size", "right"),
        Column("Expires in", "right"),
        Column("Kind"),
    )
    if rows:
        yield Table("Keys", columns, tuple(rows), header=0)
    else:
        yield Line(words("No keys but those of runs", "muted"))


def store_html(state: StateManager) -> str:
    """Return a store as HTML that needs no kernel."""
    return as_html(store_blocks(state))


def store_text(state: StateManager, *, width: int | None = None, unicode: bool = True) -> str:
    """Return a store as text."""
    return as_text(store_blocks(state), width=width, unicode=unicode)
