"""What the engine is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from pforge_lab.errors import WrongValue

_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False, "": False}  # fmt: skip


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
        """Return the options, taking what is ours out of the engine's ``keywords``, its arguments by name.

        Raises
        ------
        WrongValue
            A text of the environment, or of a keyword, is none that the option takes.
        """
        found: dict[str, Any] = {}
        for name in cls.__slots__:
            where = f"pforge_{name}" if f"pforge_{name}" in keywords else f"PFORGE_{name.upper()}"
            value = keywords.pop(where, os.environ.get(where))
            if isinstance(value, str):
                value = _read(name, value.strip(), where)
            if name == "resume" and isinstance(value, bool):
                value = "1" if value else None
            if value is not None:
                found[name] = value
        return cls(**found)


def _read(name: str, text: str, where: str) -> Any:
    """Return what a text stands for; None for what goes without saying."""
    if name in ("report", "snapshots", "strict"):
        if text.lower() not in _WORDS:
            raise WrongValue(f"{where} is 1, true, yes or on, or 0, false, no or off, not {text!r}")
        return _WORDS[text.lower()]
    if name == "resume":
        return _WORDS.get(text.lower(), text)
    if name == "exclude":
        return tuple(filter(None, map(str.strip, text.split(","))))
    if name == "keep" and text not in ("", "all", "records"):
        if not text.isdecimal() or int(text) < 1:
            raise WrongValue(f"{where} is 'all', a number from 1 on, or 'records', not {text!r}")
        return int(text)
    return text or None
