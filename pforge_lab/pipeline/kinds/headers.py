"""What a request may carry: headers of printable ASCII, and text that can be encoded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pforge_lab.errors import Fault, ParamError

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def header(value: Any, name: str, tool: str) -> str:
    """Return the text of a header.

    Raises
    ------
    ParamError
        It cannot be sent. The value is not shown: it may be a secret.
    """
    wrong = _wrong(value, name)
    if wrong is not None:
        raise ParamError.of([Fault(f"the header of {tool!r} {wrong}", field=name)])
    return str(value)


def _wrong(value: Any, name: str) -> str | None:
    text = str(value)
    faults = (
        (not _NAME.fullmatch(name), "has a name that is none; use letters, digits and dashes"),
        (isinstance(value, Mapping | list), "must be one line of text, not a mapping or a list"),
        ("\n" in text or "\r" in text, "must be one line of text, and has a line break"),
        (not text.isascii(), "must be ASCII text; encode other characters as the server expects"),
        (not text.replace("\t", " ").isprintable(), "must be printable text, and has a control character"),
        (text != text.strip(), "must neither begin nor end with a space"),
    )
    return next((told for wrong, told in faults if wrong), None)


def encodable(value: Any, field: str, tool: str) -> str:
    """Return a value as text that can be sent.

    Raises
    ------
    ParamError
        It has half of a surrogate pair, which no encoding has bytes for.
    """
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        told = f"the text of {tool!r} cannot be sent: character {error.start} is half of a surrogate pair"
    else:
        return text
    raise ParamError.of([Fault(told, field=field)])  # not while the other is handled: it holds the text
