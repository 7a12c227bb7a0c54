"""What a view says, before it is HTML or text: pieces, cells, tables, details, trees.

A view is written once, as blocks; `html_blocks` and `text_blocks` render the same blocks, so the two
forms cannot tell different facts. Strings in blocks are raw: escaping belongs to the renderers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal[
    "plain", "strong", "muted", "code",
    "done", "failed", "skipped", "edited", "pending", "running", "paused", "ready", "interrupted",
    "new", "changed", "deleted", "same", "not-kept", "stale", "error",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words with a tone: what they are, not how they look. A glyph before them says no more than they do."""

    text: str
    tone: Tone = "plain"
    glyph: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of ``value`` with a lighter part up to ``peak``, both out of ``scale``.

    It repeats figures that stand beside it, so that nothing is lost where it is left out.
    """

    value: float
    peak: float
    scale: float
    label: str

    def drawn(self, cells: int = 10) -> str:
        """Return the bar as block characters.

        Examples
        --------
        >>> Bar(244, 344, 688, "244 MB, peak 344 MB").drawn()
        '████▒░░░░░'
        """
        scale = self.scale or 1
        held = min(cells, round(cells * self.value / scale))
        peak = max(held, min(cells, round(cells * self.peak / scale)))
        return "█" * held + "▒" * (peak - held) + "░" * (cells - peak)


Cell = tuple[Piece | Bar, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Where a view is narrow a ``spare`` one is left out, then ``flexible`` ones are shortened."""

    title: str
    align: Literal["left", "right"] = "left"
    flexible: bool = False
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; its ``note`` stands below it over the whole width."""

    cells: tuple[Cell, ...]
    tone: Literal["plain", "current", "ahead", "pending", "gap"] = "plain"
    note: Cell = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A captioned table. The cell at ``header`` names its row. Without titles the columns have no heads."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    header: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of words."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Title:
    """The headline of a view."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines kept as they are: logs, tracebacks, source text."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A nested value: its own words, and its parts."""

    cell: Cell
    parts: tuple[Tree, ...] = ()


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that a reader opens when they matter; text shows them open."""

    summary: str
    body: tuple[Block, ...]
    open: bool = False


Block = Table | Line | Title | Listing | Tree | Details


def words(text: str, tone: Tone = "plain") -> Cell:
    """Return a cell of one piece, or an empty one for an empty text.

    Examples
    --------
    >>> words("flights", "code")
    (Piece(text='flights', tone='code', glyph=''),)
    >>> words("")
    ()
    """
    return (Piece(text, tone),) if text else ()
