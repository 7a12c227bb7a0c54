"""What a run keeps of its pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.functions import KeptFunctions


def definition_of(pipeline: Pipeline, kept: KeptFunctions) -> dict[str, Any]:
    """Return a pipeline as JSON values: enough to make it again, and to tell when it has changed.

    Parameters
    ----------
    pipeline
        The pipeline.
    kept
        How its functions are kept.
    """
    plain = pipeline.to_dict()
    return {
        "pipeline": plain | {"tools": [*plain.get("tools", ()), *kept.tools()]},
        "left_out": kept.left_out,
        "base_dir": str(pipeline.base_dir.resolve()),
        "source": str(pipeline.source.resolve()) if pipeline.source else None,
        "digest": pipeline.digest,
        "step_digests": list(pipeline.step_digests),
    }
