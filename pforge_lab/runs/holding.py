"""What one variable keeps alive, as bytes by identity."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Holding:
    """All that one variable keeps alive.

    Attributes
    ----------
    found
        Bytes by identity: of objects, and addresses of buffers. What was sampled stands for its
        container with a multiple of its own bytes.
    approx
        Whether anything was sampled or left out.
    hurried
        Whether time ran out.
    total
        Bytes of all of it.
    """

    found: dict[int, float] = field(default_factory=dict)
    approx: bool = False
    hurried: bool = False
    total: float = 0.0
