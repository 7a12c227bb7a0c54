"""Completion of ``%pforge`` lines, through IPython's typed matcher API."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from pforge_lab.cli.main import complete

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.completer import CompletionContext, IPCompleter, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from pforge_lab.cli.session import Session

_LINE = re.compile(r"^\s*(?:[\w\s,.\[\]\"'*()]+=\s*)?%pforge[ \t]+(?P<rest>.*)$")
_CELL = re.compile(r"^%%pforge[ \t]+(?P<rest>[^\n]*)$")
_CELLS = ("pipeline", "tool")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w*)*$")
_NONE: SimpleMatcherResult = {"completions": [], "matched_fragment": "", "suppress": False}
IDENTIFIER = "pforge_lab.notebook.completion"


@dataclass(frozen=True, slots=True)
class Begun:
    """A command line up to the cursor.

    Attributes
    ----------
    words
        Those that are whole.
    fragment
        What stands in the line for the one that is begun, with its quote.
    incomplete
        That without the quote.
    """

    words: list[str]
    fragment: str
    incomplete: str


def begun(text: str) -> Begun | None:
    """Return the words of a line up to the cursor, if it is a command line; also after ``x = %pforge``.

    Examples
    --------
    >>> begun("run = %pforge goto cl")
    Begun(words=['goto'], fragment='cl', incomplete='cl')
    >>> begun("print(1)") is None
    True
    """
    match = _LINE.match(text)
    return None if match is None else split(match["rest"])


def split(rest: str) -> Begun | None:
    """Split what follows the magic's name as a shell does; None within something that cannot be read.

    Examples
    --------
    >>> split("start -p 'source=my fi")
    Begun(words=['start', '-p'], fragment="'source=my fi", incomplete='source=my fi')
    """
    quote, start = "", 0
    for place, character in enumerate(rest):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character.isspace():
            start = place + 1
    fragment = rest[start:]
    try:
        return Begun(shlex.split(rest[:start]), fragment, fragment.lstrip("\"'"))
    except ValueError:
        return None


def matcher_of(
    session: Session, completer: IPCompleter
) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return the matcher that completes the lines of one shell."""

    def pforge_matcher(context: CompletionContext) -> SimpleMatcherResult:
        text = context.text_until_cursor
        if context.cursor_line == 0 and (first := _CELL.match(text)):
            kinds = [kind for kind in _CELLS if kind.startswith(first["rest"])]
            return _result([SimpleCompletion(kind, type="command") for kind in kinds], first["rest"])
        line = begun(text)
        if line is None:
            return _NONE
        if line.words[:1] == ["set"] and "=" in line.incomplete:  # the rest of it is Python
            return _of_python(completer, line.incomplete)
        found = complete(line.words, line.incomplete, session)
        return _result([_completion(item) for item in found], line.fragment)

    made: Callable[[CompletionContext], SimpleMatcherResult] = context_matcher(identifier=IDENTIFIER)(
        pforge_matcher
    )
    return made


def _completion(item: Any) -> SimpleCompletion:
    kind = item.kind or ("option" if item.value.startswith("-") else "command")
    begins = item.value.endswith(("=", "/"))  # there is more to come: a quote would be in the way
    return SimpleCompletion(item.value if begins else _quoted(item.value), type=kind)


def _quoted(word: str) -> str:
    """Quote what has a space; a dollar stands for a variable of the notebook and needs no quote."""
    return shlex.quote(word) if re.search(r"[\s\"'\\;]", word) else word


def _of_python(completer: IPCompleter, text: str) -> SimpleMatcherResult:
    """Complete the expression after ``NAME=``, as Python has it."""
    match = _DOTTED.search(text.partition("=")[2])
    if match is None:
        return _NONE
    name = match[0]
    find: Callable[[str], list[str]] = completer.attr_matches if "." in name else completer.global_matches
    found = find(name)
    return _result([SimpleCompletion(entry, type="instance") for entry in found], name)


def _result(completions: list[SimpleCompletion], fragment: str) -> SimpleMatcherResult:
    """Return what IPython is to show in place of everything else it knows.

    Where there is nothing to show, that is what stands there: an empty result would not keep other
    matchers from offering all magics and names of the notebook.
    """
    return {
        "completions": completions or [SimpleCompletion(fragment, type="text")],
        "matched_fragment": fragment,
        "suppress": True,
        "ordered": True,
    }


def register(shell: InteractiveShell, session: Session) -> None:
    """Complete the lines of this shell from now on."""
    unregister(shell)
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(matcher_of(session, shell.Completer))


def unregister(shell: InteractiveShell) -> None:
    """Complete them no longer."""
    if shell.Completer is not None:
        shell.Completer.custom_matchers[:] = [
            matcher
            for matcher in shell.Completer.custom_matchers
            if getattr(matcher, "matcher_identifier", None) != IDENTIFIER
        ]
