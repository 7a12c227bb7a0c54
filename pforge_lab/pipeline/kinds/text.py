"""Texts of declared tools: templates, and environment variables written ``${NAME}``.

What ``${NAME}`` stands for is read when the tool is called, and only where the definition itself
says so: a value that looks like it is never expanded.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pforge_lab.errors import ToolError, near_misses
from pforge_lab.pipeline.models import Faults, join
from pforge_lab.pipeline.templates import Scope, Template, compile_pieces, compile_value

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class SecretText:
    """A text with templates and environment variables.

    Parameters
    ----------
    source
        The text as it is defined.

    Raises
    ------
    SpecError
        A template in it cannot be compiled.
    """

    __slots__ = ("_pieces", "names", "reads", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.names: tuple[str, ...] = tuple(_VARIABLE.findall(source))
        self._pieces: list[str | Template | _Variable] = list(_split(source))
        self.reads: frozenset[str] = frozenset().union(
            *(piece.reads for piece in self._pieces if not isinstance(piece, str | _Variable)),
        )

    def render(self, scope: Scope, form: Callable[[Any], str] = str) -> str:
        """Return the text; `form` makes text of what expressions give.

        Raises
        ------
        TemplateError
            A name is not defined.
        ToolError
            An environment variable is not set.
        """
        return "".join(
            piece
            if isinstance(piece, str)
            else piece.value()
            if isinstance(piece, _Variable)
            else form(piece.render(scope))
            for piece in self._pieces
        )

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be shown, and what to show instead."""
        for name in self.names:
            value = os.environ.get(name)
            if value:
                yield value, f"${{{name}}}"

    @property
    def whole(self) -> Template | None:
        """The expression, if the text is exactly one."""
        first, *others = self._pieces
        return None if others or isinstance(first, str | _Variable) else first


class _Variable:
    """An environment variable in a text."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self) -> str:
        try:
            return os.environ[self.name]
        except KeyError:
            hint = near_misses(self.name, os.environ)
            close = hint if hint.startswith(",") else "; set it before the run"
            raise ToolError(
                f"the environment variable {self.name} is not set{close}", name=self.name, final=True
            ) from None


def _split(source: str) -> Iterator[str | Template | _Variable]:
    place = 0
    for found in _VARIABLE.finditer(source):
        yield from compile_pieces(source[place : found.start()]) if found.start() > place else ()
        yield _Variable(found[1])
        place = found.end()
    if place < len(source) or not source:
        yield from compile_pieces(source[place:])


class Nested:
    """Plain data whose texts are templates and may name environment variables.

    Raises
    ------
    SpecError
        With every template that cannot be compiled.
    """

    __slots__ = ("reads", "texts", "value")

    def __init__(self, value: Any) -> None:
        self.texts: list[SecretText] = []
        faults = Faults()
        self.value = self._compiled(value, faults, "")
        faults.raise_if_any()
        self.reads: frozenset[str] = frozenset().union(*(text.reads for text in self.texts))

    def _compiled(self, value: Any, faults: Faults, at: str) -> Any:
        if isinstance(value, Mapping):
            return {str(n): self._compiled(item, faults, join(at, str(n)) or "") for n, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._compiled(item, faults, join(at, str(i)) or "") for i, item in enumerate(value)]
        with faults.collect(at):
            if not isinstance(value, str):
                return compile_value(value).render({})
            self.texts.append(SecretText(value))
            return self.texts[-1]
        return None

    def render(self, scope: Scope) -> Any:
        """Return the data; a text that is exactly one expression hands its value on."""
        return self._rendered(self.value, scope)

    def _rendered(self, value: Any, scope: Scope) -> Any:
        if isinstance(value, dict):
            return {name: self._rendered(item, scope) for name, item in value.items()}
        if isinstance(value, list):
            return [self._rendered(item, scope) for item in value]
        if isinstance(value, SecretText):
            return value.render(scope) if value.whole is None else value.whole.render(scope)
        return value


def concealed(text: str, texts: Iterable[SecretText]) -> str:
    """Return a message without the values of environment variables that the texts name.

    They are found as they are, escaped as in a ``repr`` or in JSON, and percent-encoded; with and without the
    space around them.
    """
    secrets = {value.strip(): shown for item in texts for value, shown in item.secrets() if value.strip()}
    for value in sorted(secrets, key=len, reverse=True):
        text = re.sub("".join(map(_forms, value)), secrets[value], text)
    return text


def _forms(character: str) -> str:
    """Return a pattern of what a character may look like in a message."""
    encoded = character.encode(errors="surrogateescape")
    escaped = {
        character, repr(character)[1:-1], ascii(character)[1:-1], json.dumps(character)[1:-1], repr(encoded)[2:-1],
        "".join(f"\\x{byte:02x}" for byte in encoded), f"\\{character}",
    }  # fmt: skip
    percent = "".join(f"%{byte:02X}" for byte in encoded)
    plus = {"+"} if character == " " else set()
    shapes = "|".join(re.escape(shape) for shape in sorted(escaped | plus, key=len, reverse=True))
    return f"(?:{shapes}|(?i:{percent}))"
