"""Numbers, bytes, times and other people's text as one short piece that is safe to show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

TIMES = "\N{MULTIPLICATION SIGN}"
NONE = "—"
DETAIL = " — "  # between a value and what changed in it
_JOINERS = "\u200c\u200d"  # scripts and emoji need them; every other invisible character is shown
_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s]*(?=@)")


def visible(text: str) -> str:
    r"""Return ``text`` on one line: control characters, direction marks and lone surrogates escaped.

    Colour sequences of terminals are dropped. What comes back can be written to a terminal and to
    HTML without changing anything around it (it is not yet escaped for HTML).

    Examples
    --------
    >>> visible("\x1b[31mred\x1b[0m\tend\x00")
    'red end\\x00'
    >>> visible("two\nlines")
    'two lines'
    """
    if text.isprintable():
        return text
    if "\x1b" in text:
        from wcwidth import strip_sequences  # noqa: PLC0415 - rarely needed, and takes 0.1 s

        text = strip_sequences(text)
    return "".join(map(_visible_character, text)).rstrip()


def _visible_character(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    if char.isspace():
        return " "
    return char.encode("unicode_escape").decode("ascii")


def shorten(text: str, limit: int = 80) -> str:
    """Return ``text`` on one visible line of at most ``limit`` characters, ``…`` for what is left out.

    The work is bounded by ``limit`` too, so that a text of 200 MB costs no more than a short one.

    Examples
    --------
    >>> shorten("a rather long sentence", 12)
    'a rather lo…'
    """
    shown = visible(text[: 4 * limit + 4])
    if len(shown) <= limit and len(text) <= 4 * limit + 4:
        return shown
    return shown[: limit - 1].rstrip() + "…"


def number(value: int) -> str:
    """Return an integer with separated thousands.

    Examples
    --------
    >>> number(336776)
    '336,776'
    """
    return f"{value:,}"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> count(1, "step"), count(2000, "step"), count(2, "entry", "entries")
    ('1 step', '2,000 steps', '2 entries')
    """
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def megabytes(value: int, *, digits: int = 1) -> str:
    """Return bytes as a figure in MB (10**6 bytes), for a column whose head names the unit.

    Examples
    --------
    >>> megabytes(41_200_000), megabytes(344_400_000, digits=0), megabytes(800), megabytes(0)
    ('41.2', '344', '< 0.1', '0')
    """
    smallest = 10**-digits
    if value == 0:
        return "0"
    if abs(value) < smallest * 500_000:
        return f"< {smallest:g}"
    return f"{value / 1e6:,.{digits}f}"


def size(value: int) -> str:
    """Return bytes as a figure with its unit, decimal units throughout.

    Examples
    --------
    >>> size(512), size(12_300), size(344_400_000), size(1_250_000_000)
    ('512 B', '12.3 kB', '344 MB', '1.25 GB')
    """
    if abs(value) < 1000:
        return f"{value} B"
    scaled = float(value)
    for unit in ("kB", "MB", "GB", "TB"):
        scaled /= 1000
        if abs(scaled) < 999.5 or unit == "TB":
            break
    whole = int(float(f"{abs(scaled):.3g}"))  # as it will be rounded
    digits = max(0, 3 - len(str(whole)))
    return f"{scaled:,.{digits}f} {unit}"


def duration(seconds: float) -> str:
    """Return a time span with its unit, about three figures of it.

    Examples
    --------
    >>> duration(0.00042), duration(0.0031), duration(0.42), duration(7.514)
    ('420 µs', '3.1 ms', '0.42 s', '7.51 s')
    >>> duration(83), duration(7500), duration(0)
    ('1 min 23 s', '2 h 05 min', '0 s')
    """
    if seconds == 0:
        return "0 s"
    if abs(seconds) < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if abs(seconds) < 0.00995:
        return f"{seconds * 1e3:.1f} ms"
    if abs(seconds) < 59.95:
        return f"{seconds:.2f} s" if abs(seconds) < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


def moment(when: datetime, *, seconds: bool = True) -> str:
    """Return a date and time with its zone, as given: a stored notebook is read in other places too.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> moment(datetime(2026, 1, 31, 9, 5, 7, tzinfo=UTC))
    '2026-01-31 09:05:07 UTC'
    """
    offset = when.strftime("%z")
    zone = "" if not offset else " UTC" if offset == "+0000" else f" {offset[:3]}:{offset[3:5]}"
    return f"{when:%Y-%m-%d %H:%M:%S}{zone}" if seconds else f"{when:%Y-%m-%d %H:%M}{zone}"


def shape(text: str) -> str:
    r"""Return a recorded shape with a multiplication sign and separated thousands.

    Examples
    --------
    >>> shape("336776 x 19") == "336,776 \N{MULTIPLICATION SIGN} 19"
    True
    >>> shape("12000 keys")
    '12,000 keys'
    """
    spaced = visible(text).replace(" x ", f" {TIMES} ")
    return re.sub(r"\d{4,18}", lambda digits: f"{int(digits[0]):,}", spaced)


def names(listed: Sequence[str], *, limit: int = 6, each: int = 40) -> str:
    """Return names in one line, and how many more there are.

    Examples
    --------
    >>> names(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(shorten(name, each) for name in listed[:limit])
    left = len(listed) - limit
    return f"{shown} and {left:,} more" if left > 0 else shown


def place(url: str) -> str:
    """Return the URL of a store without the password in it.

    Examples
    --------
    >>> place("postgresql://ann:secret@db/lab")
    'postgresql://ann:***@db/lab'
    """
    return shorten(_PASSWORD.sub(r"\1:***", url), 200)
