"""YAML text -> plain data, with the line of every field, closed to what YAML can hide.

YAML 1.2 with its core schema: no dates, no ``yes`` and ``no``, no tags but the plain ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from pforge_lab.errors import Fault, SpecError

from .syntax import Syntax

MAX_CHARACTERS: Final = 5_000_000
MAX_DEPTH: Final = 50
MAX_NODES: Final = 200_000
MAX_DIGITS: Final = 100

_NULL: Final = re.compile(r"(?:~|null|Null|NULL|)")
_BOOLEAN: Final = re.compile(r"(?:true|True|TRUE|false|False|FALSE)")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TAG: Final = "tag:yaml.org,2002:"
_GUESSED: Final = {
    _TAG + kind
    for kind in ["null", "bool", "int", "float", "str", "timestamp", "merge", "value", "seq", "map"]
} | {"None", "!"}
_COLLECTION_TAGS: Final = {None, "!", _TAG + "map", _TAG + "seq"}


@dataclass(slots=True)
class Document:
    """Plain data and where it stands.

    Attributes
    ----------
    data
        The data.
    lines
        Line of each field, from 1, by its dotted path.
    faults
        What is wrong although the data could be read, such as duplicate fields.
    """

    data: Any
    filename: str
    lines: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, fault: Fault) -> Fault:
        """Return a fault with the file and the line of its field."""
        path = fault.field or ""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return Fault(fault.message, self.filename, fault.line or self.lines.get(path, 1), fault.field)


def decode(raw: bytes, filename: str) -> str:
    """Return the text of a file.

    Raises
    ------
    SpecError
        It is not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError.of([Fault("the file is not UTF-8; save it as UTF-8", filename, line)]) from None


def parse(text: str, filename: str) -> Document:
    r"""Return the one document of a YAML text.

    Raises
    ------
    SpecError
        It is no YAML, or YAML that no pipeline needs: too large, too deep, with aliases that
        multiply, with tags, with numbers beyond what numbers are for.

    Examples
    --------
    >>> document = parse("name: daily\nsteps: []\n", "day.yaml")
    >>> document.data, document.lines["steps"]
    ({'name': 'daily', 'steps': []}, 2)
    """
    if len(text) > MAX_CHARACTERS:
        raise SpecError.of(
            [Fault(f"the file has {len(text):,} characters, more than {MAX_CHARACTERS:,}", filename, 1)]
        )
    _check_depth(text, filename)
    node = _compose(text, filename)
    document = Document(None, filename)
    if node is not None:
        document.data = _Builder(document).build(node, "")
    return document


def _yaml() -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 -- loaded where YAML is read

    yaml = YAML(typ="safe", pure=True)
    # YAML lets an anchor be used again: an alias means the last one before it
    yaml.composer.warn_double_anchors = False
    return yaml


def _check_depth(text: str, filename: str) -> None:
    """Refuse deep nesting before anything recursive sees it."""
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent  # noqa: PLC0415 -- as above

    depth = 0
    with Syntax(text, filename):
        for event in _yaml().parse(text):
            if isinstance(event, CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise SpecError.of(
                        [
                            Fault(
                                f"nested more than {MAX_DEPTH} levels deep",
                                filename,
                                event.start_mark.line + 1,
                            )
                        ]
                    )
            elif isinstance(event, CollectionEndEvent):
                depth -= 1


def _compose(text: str, filename: str) -> Any:
    with Syntax(text, filename):
        return _yaml().compose(text)


class _Builder:
    """Makes plain data of nodes, noting the line of each field."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0
        self.open: set[int] = set()

    def build(self, node: Any, path: str) -> Any:
        """Return the data of a node."""
        from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode  # noqa: PLC0415 -- as above

        line = node.start_mark.line + 1
        self.document.lines.setdefault(path, line)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._refused(f"aliases multiply to more than {MAX_NODES:,} values", line)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, line)
        tag = _tag(node)
        if tag not in _COLLECTION_TAGS:
            self._fault(f"the tag {_shown(tag)} is not allowed", path, line)
        if id(node) in self.open:
            raise self._refused("an alias contains itself", line)
        self.open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            if isinstance(node, SequenceNode):
                return [self.build(item, _join(path, i)) for i, item in enumerate(node.value)]
        finally:
            self.open.discard(id(node))
        raise self._refused("this is no YAML", line)

    def _mapping(self, node: Any, path: str) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            name = self._key(key_node, path, line)
            if name is None:
                continue
            at = _join(path, name)
            if name in first:
                self._fault(f"duplicate field {name!r}; the first one is on line {first[name]}", at, line)
                continue
            first[name] = line
            self.document.lines[at] = line
            data[name] = self.build(value_node, at)
        return data

    def _key(self, node: Any, path: str, line: int) -> str | None:
        from ruamel.yaml.nodes import ScalarNode  # noqa: PLC0415 -- as above

        if not isinstance(node, ScalarNode):
            self._fault("a field needs a name, not a list or a mapping; put '{{ }}' in quotes", path, line)
            return None
        if node.value == "<<" and node.style is None:
            self._fault("merge keys are not part of YAML 1.2; repeat the fields", path, line)
            return None
        return str(node.value)

    def _scalar(self, node: Any, path: str, line: int) -> Any:
        text, tag = str(node.value), _tag(node)
        if tag is None and node.style is None:
            return self._plain(text, path, line)
        if tag is None or tag in {"!", _TAG + "str"}:
            return text
        if tag in {_TAG + kind for kind in ("int", "float", "bool", "null")}:
            return self._plain(text, path, line)
        self._fault(f"the tag {_shown(tag)} is not allowed", path, line)
        return None

    def _plain(self, text: str, path: str, line: int) -> Any:
        if _NULL.fullmatch(text):
            return None
        return text[0] in "tT" if _BOOLEAN.fullmatch(text) else self._number(text, path, line)

    def _number(self, text: str, path: str, line: int) -> Any:
        """Return the number, or the text if it is none."""
        if _INTEGER.fullmatch(text):
            if len(text) > MAX_DIGITS:
                self._fault(f"a number of {len(text)} digits; put it in quotes if it is text", path, line)
                return 0
            return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
        if _FLOAT.fullmatch(text):
            return self._float(text, path, line)
        if _INFINITE.fullmatch(text):
            return float(text.replace(".", "", 1))
        return text

    def _float(self, text: str, path: str, line: int) -> float:
        value = float(text) if len(text) <= 400 else float("inf")
        if value in {float("inf"), float("-inf")}:
            shown = text if len(text) <= 30 else text[:27] + "..."
            self._fault(f"the number {shown} is too large; write .inf for infinity", path, line)
            return 0.0
        return value

    def _fault(self, message: str, path: str, line: int) -> None:
        self.document.faults.append(Fault(message, self.document.filename, line, path or None))

    def _refused(self, message: str, line: int) -> Exception:
        return SpecError.of([Fault(message, self.document.filename, line)])


def _tag(node: Any) -> str | None:
    """Return the tag that was written, or None: what the resolver guessed does not count."""
    tag = node.ctag
    text = str(tag)
    return None if tag is None or (tag.handle is None and text in _GUESSED) else text


def _shown(tag: str | None) -> str:
    return repr(str(tag).replace(_TAG, "!!"))


def _join(path: str, part: object) -> str:
    return f"{path}.{part}" if path else str(part)
