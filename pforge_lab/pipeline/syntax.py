"""What is wrong with a text that is no YAML, in words and with the line."""

from __future__ import annotations

import re
from typing import Any, Final

from pforge_lab.errors import Fault, SpecError

_INDENTED_BY_TAB: Final = re.compile(r"\s*\t")
_PARSER_ERRORS: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    RecursionError,
)
"""What ruamel.yaml raises for some texts instead of an error of its own."""


class Syntax:
    """Turns what the parser raises into a `SpecError` with the line."""

    def __init__(self, text: str, filename: str) -> None:
        self.text = text
        self.filename = filename

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 -- loaded where YAML is read
        from ruamel.yaml.reader import ReaderError  # noqa: PLC0415 -- loaded where YAML is read

        if isinstance(error, MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            line = 1 if mark is None else mark.line + 1
            raise SpecError.of([Fault(self._told(error, line), self.filename, line)]) from None
        if isinstance(error, ReaderError):
            line = self.text.count("\n", 0, error.position) + 1
            shown = f"\\x{error.character:02x}" if isinstance(error.character, int) else repr(error.character)
            raise SpecError.of(
                [Fault(f"the character {shown} is not allowed in YAML", self.filename, line)]
            ) from None
        if isinstance(error, (YAMLError, *_PARSER_ERRORS)):
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise SpecError.of([Fault(f"this is no YAML: {reason}", self.filename, 1)]) from None

    def _told(self, error: Any, line: int) -> str:
        problem = str(error.problem or error.context or "this is no YAML").strip()
        context = str(error.context).strip() if error.context and error.problem else ""
        lines = self.text.splitlines()
        if "\\t" in problem or (0 < line <= len(lines) and _INDENTED_BY_TAB.match(lines[line - 1])):
            return "a tab cannot indent YAML; use spaces"
        if "expected a single document" in context:
            return "a file holds one document; remove what follows '---'"
        if problem.startswith("expected <block end>") or "could not find expected ':'" in problem:
            return f"{problem}; is the indentation right?"
        return f"{context}: {problem}" if context else problem
