"""The base of all errors, and what messages have in common."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PforgeError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        One line: what is wrong, where, and the next move.
    **facts
        Attributes of the error. They survive pickling, so an error raised in a worker
        process arrives whole.

    Examples
    --------
    >>> error = StateLocked("lab.fs is in use by process 42", pid=42)
    >>> error.pid
    42
    """

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.__dict__.update(facts)


def near_misses(word: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"`` or the list of what there is: the next move for a wrong name.

    Parameters
    ----------
    word
        What was asked for.
    known
        What there is.

    Examples
    --------
    >>> near_misses("fligths", ["flights", "clean"])
    ", did you mean 'flights'?"
    >>> near_misses("x", ["flights", "clean"])
    "; there are 'clean', 'flights'"
    >>> near_misses("x", [])
    '; there are none'
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if close:
        return ", did you mean " + " or ".join(repr(name) for name in close) + "?"
    if not names:
        return "; there are none"
    shown = ", ".join(repr(name) for name in names[:20])
    return f"; there are {shown}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def one_line(error: BaseException) -> str:
    """Return ``Type: message`` with the message on one line.

    Examples
    --------
    >>> one_line(KeyError("dep_delay"))
    "KeyError: 'dep_delay'"
    >>> one_line(ValueError())
    'ValueError'
    """
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
