"""Blocks as text for terminals and logs: aligned columns, ASCII only where asked for."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import wcwidth

from pforge_lab.views.blocks import Bar, Column, Details, Line, Listing, Piece, Row, Table, Title, Tree
from pforge_lab.views.format import NONE, TIMES, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pforge_lab.views.blocks import Block, Cell

BAR_CELLS = 10
_NARROWEST = 8
_GAP = "  "
_ASCII = str.maketrans({
    "✓": "+", "✗": "x", "▶": ">", "○": "o", NONE: "-", "◐": "=", "✎": "*", "↷": "/", TIMES: "x", "·": "|", "…": "...",
    "→": "->", "≥": ">=", "µ": "u", "█": "#", "▒": "=", "░": ".", "─": "-", "≈": "~",
})  # fmt: skip


def render(blocks: Iterable[Block], *, width: int | None = None, unicode: bool = True) -> str:
    """Return the blocks as lines without trailing spaces.

    Parameters
    ----------
    width
        Columns of the terminal; flexible columns and lines are shortened to fit. None shortens nothing.
    unicode
        False gives ASCII only: plain glyphs, and other characters as backslash escapes.
    """
    renderer = _Renderer(width, unicode)
    lines = (line.rstrip() for block in blocks for line in renderer.block(block))
    return "\n".join(lines).lstrip("\n")


class _Renderer:
    def __init__(self, width: int | None, unicode: bool) -> None:
        self.width = width
        self.unicode = unicode

    def block(self, block: Block) -> list[str]:
        match block:
            case Table():
                return self._table(block)
            case Line(cell) | Title(cell):
                return [self._fit(self._cell(cell))]
            case Listing(lines):
                return ["  " + self._text(line) for line in lines]
            case Tree():
                return self._tree(block, "")
            case Details(summary, body):
                inside = [line for part in body for line in self.block(part)]
                return ["", self._text(summary), *inside]

    def _text(self, text: str) -> str:
        shown = visible(text)
        if self.unicode or shown.isascii():
            return shown
        return shown.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")

    def _cell(self, cell: Cell) -> str:
        return " ".join(self._piece(piece) for piece in cell)

    def _piece(self, piece: Piece | Bar) -> str:
        if isinstance(piece, Bar):
            return self._text(_bar(piece))
        return f"[{self._text(piece.text)}]" if piece.tone == "stale" else self._text(piece.text)

    def _fit(self, text: str) -> str:
        return text if self.width is None else self._clip(text, self.width)

    def _clip(self, text: str, width: int) -> str:
        if columns(text) <= width:
            return text
        mark = self._text("…")
        return wcwidth.clip(text, 0, max(0, width - len(mark))) + mark

    def _table(self, table: Table) -> list[str]:
        heads = [self._text(column.title) for column in table.columns]
        grid = [None if row.tone == "gap" else [self._cell(cell) for cell in row.cells] for row in table.rows]
        full = [cells for cells in grid if cells is not None]
        widths = [max(map(columns, column)) for column in zip_longest(heads, *full, fillvalue="")]
        widths = self._shrink(widths, table.columns)
        lines = ["", self._text(table.caption), self._line(heads, widths, table.columns)]
        lines.append(_GAP.join(self._text("─") * width for width in widths))
        for row, cells in zip(table.rows, grid, strict=True):
            lines.extend(self._row(row, cells, widths, table.columns))
        return lines

    def _row(
        self, row: Row, cells: list[str] | None, widths: list[int], layout: tuple[Column, ...]
    ) -> list[str]:
        if cells is None:
            return [self._fit(self._cell(row.cells[0]))]
        note = [self._fit("    " + self._cell(row.note))] if row.note else []
        return [self._line(cells, widths, layout), *note]

    def _line(self, cells: Sequence[str], widths: list[int], layout: tuple[Column, ...]) -> str:
        return _GAP.join(
            _pad(self._clip(cell, width), width, column.align)
            for cell, width, column in zip(cells, widths, layout, strict=True)
        )

    def _shrink(self, widths: list[int], layout: tuple[Column, ...]) -> list[int]:
        """Take what is too much from the widest flexible column, again and again."""
        if self.width is None:
            return widths
        fitted = list(widths)
        flexible = [place for place, column in enumerate(layout) if column.flexible]
        excess = sum(fitted) + len(_GAP) * (len(fitted) - 1) - self.width
        while excess > 0 and flexible:
            widest = max(flexible, key=lambda place: fitted[place])
            if fitted[widest] <= _NARROWEST:
                break
            fitted[widest] -= 1
            excess -= 1
        return fitted

    def _tree(self, tree: Tree, indent: str) -> list[str]:
        inside = [line for part in tree.parts for line in self._tree(part, indent + "  ")]
        return [self._fit(indent + self._cell(tree.cell)), *inside]


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes; it has no control characters.

    Examples
    --------
    >>> columns("clean"), columns("東京")
    (5, 4)
    """
    return len(text) if text.isascii() else wcwidth.width(text)


def _pad(text: str, width: int, align: str) -> str:
    space = " " * (width - columns(text))
    return space + text if align == "right" else text + space


def _bar(bar: Bar) -> str:
    scale = bar.scale or 1
    held = min(BAR_CELLS, round(BAR_CELLS * bar.value / scale))
    peak = max(held, min(BAR_CELLS, round(BAR_CELLS * bar.peak / scale)))
    return "█" * held + "▒" * (peak - held) + "░" * (BAR_CELLS - peak)
