"""The data flow of a pipeline, drawn: steps from top to bottom, arcs from who writes to who reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .dataflow import StepFlow

_ROW: Final = 56
_BOX: Final = 40
_LANE: Final = 16
_CHARACTER: Final = 7.2
_INDENT: Final = 18


@dataclass(frozen=True, slots=True)
class Edge:
    """A variable on its way from the row that writes it to the row that reads it."""

    name: str
    source: int
    target: int
    lane: int


@dataclass(frozen=True, slots=True)
class Graph:
    """The data flow of a pipeline; a notebook shows it as a drawing.

    Attributes
    ----------
    name
        The pipeline's name.
    rows
        The params and the steps, as `flows` gives them.
    edges
        What goes from where to where.
    """

    name: str
    rows: tuple[StepFlow, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, name: str, rows: tuple[StepFlow, ...]) -> Graph:
        """Return the graph of rows; arcs that overlap are in lanes of their own.

        An arc to a block or a loop stands for those to its parts.
        """
        places = {row.label: i for i, row in enumerate(rows)}
        told = [{(by, name) for name, bys in row.reads.items() for by in bys} for row in rows]
        spans = sorted(
            (
                (places[by], i, variable)
                for i, row in enumerate(rows)
                for by, variable in told[i] - _of_enclosing(rows, told, i)
            ),
            key=lambda span: (abs(span[1] - span[0]), span),
        )
        lanes: list[list[tuple[int, int]]] = []
        edges = []
        for source, target, variable in spans:
            low, high = sorted((source, target))
            free = (k for k, taken in enumerate(lanes) if all(high <= a or b <= low for a, b in taken))
            lane = next(free, len(lanes))
            if lane == len(lanes):
                lanes.append([])
            lanes[lane].append((low, high))
            edges.append(Edge(variable, source, target, lane))
        return cls(name, rows, tuple(edges))

    def to_svg(self, *, current: str | None = None) -> str:
        """Return the drawing, with the step of a label marked: no scripts, no fonts, no addresses in it."""
        wide = max(_width(row) for row in self.rows)
        lanes = 1 + max((edge.lane for edge in self.edges), default=0)
        size = f'width="{wide + 44 + lanes * _LANE:.0f}" height="{len(self.rows) * _ROW + 8}"'
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(self._told())} '
            'font-family="ui-monospace, monospace" font-size="12" fill="currentColor" stroke="currentColor">'
        )
        parts = [
            opening,
            *(
                part
                for i, row in enumerate(self.rows)
                for part in _box(row, 8 + i * _ROW, wide, marked=row.label == current)
            ),
            *(_arc(edge, wide + 8) for edge in self.edges),
            "</svg>",
        ]
        return "\n".join(parts)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _told(self) -> str:
        flow = "; ".join(
            f"{self.rows[e.source].label} gives {e.name} to {self.rows[e.target].label}" for e in self.edges
        )
        return f"Data flow of {self.name}: {flow or 'nothing is handed on'}"


def _of_enclosing(
    rows: tuple[StepFlow, ...], told: list[set[tuple[str, str]]], place: int
) -> set[tuple[str, str]]:
    """Return what the step reads that a row is a part of."""
    above = (k for k in reversed(range(place)) if rows[k].depth < rows[place].depth)
    outer = next(above, None)
    return set() if outer is None else told[outer]


def _lines(row: StepFlow) -> tuple[str, str]:
    tool = f"  ({row.tool})" if row.tool and row.tool != row.label else ""
    made = ", ".join(row.writes)
    return f"{row.label}{tool}", f"-> {made}" if made else ""


def _width(row: StepFlow) -> float:
    return max(map(len, _lines(row))) * _CHARACTER + 24 + row.depth * _INDENT


def _box(row: StepFlow, top: int, wide: float, *, marked: bool) -> Iterator[str]:
    dashed = ' stroke-dasharray="4 3"' if row.warnings else ""
    mark = ' stroke-width="3"' if marked else ' opacity="0.7"'
    first, second = map(escape, _lines(row))
    yield f"<g><title>{escape('; '.join(row.warnings) or row.label)}</title>"
    left = row.depth * _INDENT  # parts stand below what they are a part of, and to the right
    yield f'<rect x="{8 + left}" y="{top}" width="{wide - left:.0f}" height="{_BOX}" rx="5" fill="none"{mark}{dashed}/>'
    yield f'<text x="{18 + left}" y="{top + 16}" stroke="none" font-weight="bold">{first}</text>'
    yield f'<text x="{18 + left}" y="{top + 32}" stroke="none" opacity="0.75">{second}</text></g>'


def _arc(edge: Edge, right: float) -> str:
    start, end = (8 + row * _ROW + _BOX / 2 + shift for row, shift in ((edge.source, 7), (edge.target, -7)))
    out = right + 20 + edge.lane * _LANE
    return (
        f'<g fill="none" opacity="0.8"><title>{escape(edge.name)}</title>'
        f'<path d="M{right:.0f} {start:.0f} C{out:.0f} {start:.0f} {out:.0f} {end:.0f} {right + 6:.0f} {end:.0f}"/>'
        f'<path d="M{right + 7:.0f} {end - 4:.0f} L{right:.0f} {end:.0f} L{right + 7:.0f} {end + 4:.0f}"/></g>'
    )
