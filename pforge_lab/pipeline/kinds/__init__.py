"""The kinds of tools, one a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .definition import Definition


def kinds() -> dict[str, type[Definition]]:
    """Return the definitions of all kinds of tools by the ``type`` that names them."""
    from .cli import CliDefinition  # noqa: PLC0415 -- the kinds are made of this package
    from .http import HttpDefinition  # noqa: PLC0415 -- as above
    from .native import NativeDefinition  # noqa: PLC0415 -- the kinds are made of this package
    from .nested import PipelineDefinition  # noqa: PLC0415 -- as above

    return {
        "native": NativeDefinition,
        "cli": CliDefinition,
        "http": HttpDefinition,
        "pipeline": PipelineDefinition,
    }
