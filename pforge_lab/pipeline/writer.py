"""Plain data -> YAML that reads well and loads to the same data."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from pforge_lab.errors import Fault, SpecError

from .documents import MAX_DEPTH, MAX_DIGITS
from .models import join

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN: Final = re.compile(r"[^\W\d_][\w./ ()+*=<>-]*[\w)]|[^\W\d_]")
"""Texts that need no quotes to be read well; whether they need them all the same, the emitter knows."""


def to_yaml(data: dict[str, Any]) -> str:
    """Return plain data as YAML 1.2.

    Raises
    ------
    SpecError
        With all that no file can hold: integers of too many digits, halves of characters, too many levels.

    Examples
    --------
    >>> print(to_yaml({"name": "daily", "steps": [{"tool": "load", "condition": "yes"}]}), end="")
    name: daily
    steps:
      - tool: load
        condition: yes
    """
    faults = list(_unwritable(data, "", 1))
    if faults:
        raise SpecError.of(faults)
    from ruamel.yaml import YAML  # noqa: PLC0415 -- loaded where YAML is read
    from ruamel.yaml.representer import SafeRepresenter  # noqa: PLC0415 -- as above

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the attribute is untyped upstream
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 110
    yaml.allow_unicode = True

    class Representer(SafeRepresenter):
        """Writes each value out, without anchors and aliases."""

        def ignore_aliases(self, data: object) -> bool:
            del data
            return True

        def represent_str(self, data: str) -> Any:
            """Quote what could be taken for something else."""
            return self.represent_scalar(
                "tag:yaml.org,2002:str", data, style=None if _PLAIN.fullmatch(data) else '"'
            )

    Representer.add_representer(str, Representer.represent_str)
    yaml.Representer = Representer
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _unwritable(value: object, at: str, depth: int) -> Iterator[Fault]:
    """Yield what would not load again."""
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            yield Fault(f"nested more than {MAX_DEPTH} levels deep, which no file can hold", field=at)
            return
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in pairs:
            path = join(at, str(name)) or ""
            if isinstance(name, str):
                yield from _half(name, path)
            yield from _unwritable(item, path, depth + 1)
    elif isinstance(value, str):
        yield from _half(value, at)
    elif isinstance(value, int) and not -(10 ** (MAX_DIGITS - 1)) < value < 10**MAX_DIGITS:
        told = f"an integer of more digits than a file can hold ({MAX_DIGITS} with its sign); give it as text"
        yield Fault(told, field=at)


def _half(text: str, at: str) -> Iterator[Fault]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = ascii(text[error.start])
        yield Fault(f"holds half a character, {shown}, which no file can hold", field=ascii(at)[1:-1])
