"""Plain data -> YAML that reads well and loads to the same data."""

from __future__ import annotations

import io
import re
from typing import Any, Final

_PLAIN: Final = re.compile(r"[^\W\d_][\w./ ()+*=<>-]*[\w)]|[^\W\d_]")
"""Texts that need no quotes to be read well; whether they need them all the same, the emitter knows."""


def to_yaml(data: dict[str, Any]) -> str:
    """Return plain data as YAML 1.2.

    Examples
    --------
    >>> print(to_yaml({"name": "daily", "steps": [{"tool": "load", "condition": "yes"}]}), end="")
    name: daily
    steps:
      - tool: load
        condition: yes
    """
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
