"""Where two texts, or two runs of bytes, begin to differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab.runs.inside.brief import brief, growth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.runs.inside.kinds import Part
    from pforge_lab.runs.inside.look import Inside

SHORT = 40  # a text up to here is told in full
_BLOCK = 1 << 16
_SHOWN = 20


def texts(look: Inside, before: Any, after: Any, *, noun: str) -> Iterator[Part]:
    """Tell how the length changed, and the first place that differs."""
    grown = growth(len(before), len(after), noun)
    if grown:
        yield "", grown
    place = _first(look, before, after)
    if place is None:
        return
    old, new = before[place : place + _SHOWN], after[place : place + _SHOWN]
    if place == min(len(before), len(after)):
        yield "", f"at the end {brief(new or old)} {'added' if new else 'removed'}"
    else:
        yield "", f"differs from {noun} {place:,}: {brief(old)} -> {brief(new)}"


def _first(look: Inside, before: Any, after: Any) -> int | None:
    for start in range(0, max(len(before), len(after)), _BLOCK):
        if look.over:
            return None
        old, new = before[start : start + _BLOCK], after[start : start + _BLOCK]
        if old != new:
            short = min(len(old), len(new))
            return start + next((n for n in range(short) if old[n] != new[n]), short)
    return None
