"""What there is to say about a file that was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.pipeline.dataflow import flows
from pforge_lab.pipeline.spec import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.pipeline.forge import Forge


def remarks(loaded: Pipeline | Forge) -> Iterator[str]:
    """Yield what the data flow is suspicious of, and what of the file is not used here, a line each."""
    if isinstance(loaded, Pipeline):
        yield from (f"{loaded.name}, {row.label}: {text}" for row in flows(loaded) for text in row.warnings)
        return
    for name, pipeline in loaded.pipelines.items():
        # Those nested are among the forge's, too
        own = (row for row in flows(pipeline) if row.pipeline == name)
        yield from (f"{name}, {row.label}: {text}" for row in own for text in row.warnings)
    if loaded.unused:
        yield f"{loaded.name}: {', '.join(loaded.unused)}: kept for pforge, and not used here"
