"""Any notebook as a recorded, resumable run: ``papermill IN OUT --engine pforge``."""

from __future__ import annotations

import papermill  # noqa: F401 - first of all: it imports the engine of its entry point itself

from pforge_lab.papermill_engine.client import RecordingFailed
from pforge_lab.papermill_engine.engine import PforgeEngine
from pforge_lab.papermill_engine.options import Options
from pforge_lab.papermill_engine.report import attach_command

__all__ = ["Options", "PforgeEngine", "RecordingFailed", "attach_command"]
