"""Colours of memory charts.

The hues are those of Okabe and Ito, which people with any colour vision can tell apart.
Vermilion is for peaks and nothing else; greys are for what is not a variable. Ink is a grey that
reads on white and on dark pages alike, because figures are transparent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLES = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#F0E442")
OTHERS = "#B8A37E"
PEAK = "#D55E00"
TEMPORARY = "#D55E0036"
BASELINE = "#C4C4C4"
FREED = "#80808030"
FREED_EDGE = "#80808090"
INK = "#7A7A7A"
DARK_TEXT = "#1A1A1A"
LIGHT_TEXT = "#FFFFFF"
SEAM = "#FFFFFFB0"


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each variable its colour, by its place.

    Examples
    --------
    >>> colours(["raw", "tidy"])
    {'raw': '#E69F00', 'tidy': '#56B4E9'}
    """
    return {name: VARIABLES[place % len(VARIABLES)] for place, name in enumerate(names)}


def text_on(colour: str) -> str:
    """Return black or white, whichever reads better on an opaque colour.

    Examples
    --------
    >>> text_on("#0072B2"), text_on("#F0E442")
    ('#FFFFFF', '#1A1A1A')
    """
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    return DARK_TEXT if bright > 0.45 else LIGHT_TEXT
