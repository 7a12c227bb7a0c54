"""What the engine is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """What the engine is asked for, by keyword or else by ``PFORGE_…`` in the environment.

    Attributes
    ----------
    resume
        ``"1"`` for the latest unfinished run of this input and output, or a run's id.
    state
        Path or URL of the store; ``OUTPUT.pforge/run.fs`` by default.
    report, snapshots, strict
        Append the summary; keep the variables; fail when recording fails.
    exclude
        Patterns of variables that are never kept.
    run_id
        Of a new run, in place of an earlier run of that id; made of the notebook's name and the time by default.
    keep
        Which snapshots stay.

    Examples
    --------
    >>> keywords = {"pforge_resume": True, "timeout": 60}
    >>> Options.taken(keywords).resume, keywords
    ('1', {'timeout': 60})
    """

    resume: str | None = None
    state: str | None = None
    report: bool = True
    snapshots: bool = True
    strict: bool = False
    exclude: tuple[str, ...] = ()
    run_id: str | None = None
    keep: Any = field(default_factory=lambda: {"done": "records", "failed": 1})

    @classmethod
    def taken(cls, keywords: dict[str, Any]) -> Options:
        """Return the options, taking what is ours out of the engine's ``keywords``, its arguments by name."""
        found: dict[str, Any] = {}
        for name in cls.__slots__:
            text = os.environ.get(f"PFORGE_{name.upper()}")
            value = keywords.pop(f"pforge_{name}", text)
            if value is None:
                continue
            if name in ("report", "snapshots", "strict"):
                value = value not in (False, "0", "", "false")
            elif name == "exclude" and isinstance(value, str):
                value = tuple(filter(None, value.split(",")))
            elif name == "resume":
                value = None if value in (False, "0", "") else "1" if value is True else str(value)
            found[name] = value
        return cls(**found)
