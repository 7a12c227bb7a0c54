"""What changed inside a value: columns, cells, labels, items, attributes; in bounded time."""

from pforge_lab.runs.inside.brief import brief, line
from pforge_lab.runs.inside.look import Inside

__all__ = ["Inside", "brief", "line"]
