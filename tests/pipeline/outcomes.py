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


def load(source: str):
    return source


def clean(load, keep=True):
    return load


def output(pipeline):
    outcome = execute(pipeline, 0, {})
    assert outcome.error is None, outcome.error
    return outcome.output
