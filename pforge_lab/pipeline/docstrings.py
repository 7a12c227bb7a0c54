"""What docstrings say about parameters."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMPY: Final = re.compile(
    r"^(?P<title>Parameters|Attributes)\n-{3,}\n(?P<body>(?:.*\n?)*?)(?=^\S[^\n]*\n-{3,}$|\Z)", re.MULTILINE
)
_GOOGLE: Final = re.compile(r"^(?:Args|Arguments|Parameters):\n(?P<body>(?:[ \t]+.*\n?|\n)*)", re.MULTILINE)
_NUMPY_ENTRY: Final = re.compile(
    r"^(?P<names>\w[\w, ]*?)(?: *:.*)?\n(?P<text>(?:[ \t]+.*(?:\n|\Z))+)", re.MULTILINE
)
_GOOGLE_ENTRY: Final = re.compile(
    r"^(?P<names>\w+)(?: *\([^)]*\))?: *(?P<text>.*(?:\n[ \t]+.*)*)", re.MULTILINE
)


def parameter_descriptions(function: Callable[..., Any]) -> dict[str, str]:
    """Return the descriptions of parameters, and of attributes, from a docstring in numpy's or Google's style.

    Examples
    --------
    >>> def load(source, month):
    ...     '''Read a table.
    ...
    ...     Args:
    ...         source: A CSV file.
    ...         month (int): 1 to 12,
    ...             or 0 for all.
    ...     '''
    >>> parameter_descriptions(load)
    {'source': 'A CSV file.', 'month': '1 to 12, or 0 for all.'}
    """
    text = (inspect.getdoc(function) or "") + "\n"
    numpy = {section["title"]: section["body"] for section in _NUMPY.finditer(text)}
    if numpy:
        return {name: told for body in numpy.values() for name, told in _entries(_NUMPY_ENTRY, body).items()}
    google = _GOOGLE.search(text)
    return _entries(_GOOGLE_ENTRY, inspect.cleandoc("\n" + google["body"])) if google is not None else {}


def _entries(entry: re.Pattern[str], body: str) -> dict[str, str]:
    return {
        name.strip(): " ".join(found["text"].split())
        for found in entry.finditer(body)
        for name in found["names"].split(",")
    }
