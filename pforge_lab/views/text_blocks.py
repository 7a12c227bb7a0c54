"""Blocks as text for terminals and logs: aligned columns, ASCII only where asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import wcwidth

from pforge_lab.values.format import NONE, TIMES, visible
from pforge_lab.views.blocks import Bar, Column, Details, Line, Listing, Piece, Row, Table, Title, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pforge_lab.views.blocks import Block, Cell

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


def ascii_of(text: str) -> str:
    """Return text with plain glyphs, and other characters as backslash escapes."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


class _Renderer:
    def __init__(self, width: int | None, unicode: bool) -> None:
        self.width = width
        self.unicode = unicode

    def block(self, block: Block) -> list[str]:
        match block:
            case Table():
                return self._table(block)
            case Line(cell) | Title(cell):
                return self._wrap(self._cell(cell))
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
        return ascii_of(shown)

    def _cell(self, cell: Cell) -> str:
        return " ".join(self._piece(piece) for piece in cell)

    def _piece(self, piece: Piece | Bar) -> str:
        if isinstance(piece, Bar):
            return self._text(piece.drawn())
        return self._text(f"{piece.glyph} {piece.text}" if piece.glyph else piece.text)

    def _fit(self, text: str) -> str:
        return text if self.width is None else self._clip(text, self.width)

    def _wrap(self, text: str, indent: str = "") -> list[str]:
        if self.width is None or columns(indent + text) <= self.width:
            return [indent + text]
        return wcwidth.wrap(text, self.width, initial_indent=indent, subsequent_indent=indent or "  ")

    def _clip(self, text: str, width: int) -> str:
        if columns(text) <= width:
            return text
        mark = self._text("…")
        return wcwidth.clip(text, 0, max(0, width - len(mark))) + mark

    def _table(self, table: Table) -> list[str]:
        heads = [self._text(column.title) for column in table.columns]
        grid = [[] if row.tone == "gap" else [self._cell(cell) for cell in row.cells] for row in table.rows]
        full = [heads, *(cells for cells in grid if cells)]
        widths = self._shrink(
            [max(map(columns, column)) for column in zip(*full, strict=True)], table.columns
        )
        lines = ["", self._text(table.caption)]
        if any(heads):
            lines.append(self._line(heads, widths, table.columns))
            lines.append(_GAP.join(self._text("─") * width for width in widths if width))
        for row, cells in zip(table.rows, grid, strict=True):
            lines.extend(self._row(row, cells, widths, table.columns))
        return lines

    def _row(self, row: Row, cells: list[str], widths: list[int], layout: tuple[Column, ...]) -> list[str]:
        if not cells:
            return self._wrap(self._cell(row.cells[0]))
        note = self._wrap(self._cell(row.note), "    ") if row.note else []
        return [self._line(cells, widths, layout), *note]

    def _line(self, cells: Sequence[str], widths: list[int], layout: tuple[Column, ...]) -> str:
        return _GAP.join(
            _pad(self._clip(cell, width), width, column.align)
            for cell, width, column in zip(cells, widths, layout, strict=True)
            if width
        )

    def _shrink(self, widths: list[int], layout: tuple[Column, ...]) -> list[int]:
        """Leave out spare columns (width 0), then take the rest of what is too much from the widest flexible one."""
        if self.width is None:
            return widths
        fitted = list(widths)
        spare = [place for place, column in enumerate(layout) if column.spare]
        flexible = [place for place, column in enumerate(layout) if column.flexible]
        while spare and _total(fitted) > self.width:
            fitted[spare.pop()] = 0
        while flexible and _total(fitted) > self.width:
            widest = max(flexible, key=fitted.__getitem__)
            if fitted[widest] <= _NARROWEST:
                break
            fitted[widest] -= 1
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


def _total(widths: Sequence[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + len(_GAP) * (len(shown) - 1)


def _pad(text: str, width: int, align: str) -> str:
    space = " " * (width - columns(text))
    return space + text if align == "right" else text + space
