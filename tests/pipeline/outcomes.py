"""One step executed, and tools that tests use again and again."""

from __future__ import annotations

from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.spec import Pipeline


def outcome_of(step, scope=None, **options):
    return execute(Pipeline("p", steps=[step]), 0, scope or {}, **options)


def add(x, y=1):
    return x + y


def fail(message="no"):
    raise ValueError(message)
