"""Blocks as HTML: real tables, words beside glyphs, every user's text escaped, one scoped style."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from pforge_lab.values.format import visible
from pforge_lab.views.blocks import Bar, Details, Line, Listing, Piece, Row, Table, Title, Tree
from pforge_lab.views.theme import theme_rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pforge_lab.views.blocks import Block, Cell, Column

_TAGS = {"strong": "strong", "code": "code", "error": "strong"}
_PILLS = frozenset({"new", "changed", "deleted", "not-kept"})


@cache
def _style() -> str:
    return files("pforge_lab.views").joinpath("static", "views.css").read_text(encoding="utf-8")


def stylesheet() -> str:
    """Return the style of all views, in the theme that is chosen; every rule of it begins with ``.pforge-view``."""
    return _style() + theme_rules()


def render(blocks: Iterable[Block]) -> str:
    """Return one self-contained fragment: no script, no id, no request, readable without its style."""
    body = "\n".join(map(_block, blocks))
    return f'<div class="pforge-view"><style>{stylesheet()}</style>\n{body}\n</div>'


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Line(cell):
            return f"<p>{_cell(cell)}</p>"
        case Title(cell):
            return f'<p class="pf-title">{_cell(cell)}</p>'
        case Listing(lines):
            return f'<pre tabindex="0">{escape(chr(10).join(map(visible, lines)))}</pre>'
        case Tree():
            return f'<ul class="pf-tree">{_branch(block, outermost=True)}</ul>'
        case Details(summary, body, is_open):
            opened = " open" if is_open else ""
            inside = "\n".join(map(_block, body))
            return f"<details{opened}><summary>{_text(summary)}</summary>\n{inside}\n</details>"


def _text(text: str) -> str:
    return escape(visible(text))


def _cell(cell: Cell) -> str:
    return " ".join(_piece(piece) for piece in cell)


def _piece(piece: Piece | Bar) -> str:
    if isinstance(piece, Bar):
        return _bar(piece)
    text = _text(piece.text)
    if piece.glyph:
        text = f'<span class="pf-glyph" aria-hidden="true">{piece.glyph}</span> {text}'
    if piece.tone == "plain":
        return text
    tag = _TAGS.get(piece.tone, "span")
    pill = "pf-pill " if piece.tone in _PILLS else ""
    return f'<{tag} class="{pill}pf-{piece.tone}">{text}</{tag}>'


def _bar(bar: Bar) -> str:
    scale = bar.scale or 1
    held = min(100.0, 100 * bar.value / scale)
    more = max(0.0, min(100.0, 100 * bar.peak / scale) - held)
    return (
        f'<span class="pf-bar" role="img" aria-label="{escape(bar.label)}"><span class="pf-drawn">{bar.drawn()}</span>'
        f'<span class="pf-held" style="width:{held:.1f}%"></span><span class="pf-over" style="width:{more:.1f}%"></span></span>'
    )


def _table(table: Table) -> str:
    caption = _text(table.caption)
    rows = "\n".join(_row(row, table) for row in table.rows)
    return (
        f'<div class="pf-scroll" tabindex="0" role="group" aria-label="{caption}">'
        f'<table cellpadding="4"><caption>{caption}</caption>\n'
        f"{_heads(table)}<tbody>\n{rows}\n</tbody></table></div>"
    )


def _heads(table: Table) -> str:
    if not any(column.title for column in table.columns):
        return ""
    cells = (
        f'<th scope="col"{_align(column)}>{_text(column.title)}</th>' if column.title else "<td></td>"
        for column in table.columns
    )
    return f"<thead><tr>{''.join(cells)}</tr></thead>\n"


def _align(column: Column) -> str:
    # The attribute is old, but sanitisers keep it where they drop style and class.
    kinds = {"pf-number": column.align == "right", "pf-flexible": column.flexible, "pf-spare": column.spare}
    named = " ".join(kind for kind, applies in kinds.items() if applies)
    return f' align="{column.align}"' + (f' class="{named}"' if named else "")


def _row(row: Row, table: Table) -> str:
    width = len(table.columns)
    tone = f' class="pf-row-{row.tone}{" pf-noted" if row.note else ""}"'
    current = ' aria-current="step"' if row.tone == "current" else ""
    if row.tone == "gap":
        return f'<tr{tone}><td colspan="{width}">{_cell(row.cells[0])}</td></tr>'
    cells = "".join(
        f'<th scope="row"{_align(column)}>{_cell(cell)}</th>'
        if place == table.header
        else f"<td{_align(column)}>{_cell(cell)}</td>"
        for place, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True))
    )
    note = (
        f'\n<tr class="pf-row-{row.tone} pf-note"><td colspan="{width}">{_cell(row.note)}</td></tr>'
        if row.note
        else ""
    )
    return f"<tr{tone}{current}>{cells}</tr>{note}"


def _branch(tree: Tree, *, outermost: bool = False) -> str:
    if not tree.parts:
        return f"<li>{_cell(tree.cell)}</li>"
    parts = "".join(_branch(part) for part in tree.parts)
    opened = " open" if outermost else ""
    return f"<li><details{opened}><summary>{_cell(tree.cell)}</summary><ul>{parts}</ul></details></li>"
