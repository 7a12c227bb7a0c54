"""Runs to browse and to compare, in a store of each test's own."""

from __future__ import annotations

import pytest

import pforge_lab as pf


def numbers(n: int):
    return list(range(n))


def total(numbers, limit: int = 7):
    if len(numbers) > limit:
        raise ValueError("too many numbers")
    return sum(numbers)


@pytest.fixture
def state(tmp_path):
    """Return a store in a file."""
    with pf.open_state(tmp_path / "lab.fs") as opened:
        yield opened


@pytest.fixture
def pipeline():
    """Return two steps, of which the second fails for more than seven numbers."""
    return pf.Pipeline.from_functions("adding", numbers, total)


@pytest.fixture
def done(pipeline, state):
    """Return a run that is done."""
    run = pipeline.start({"n": 3}, state=state)
    run.finish()
    return run


@pytest.fixture
def failed(pipeline, state):
    """Return a run whose second step has failed."""
    run = pipeline.start({"n": 9}, state=state)
    with pytest.raises(pf.StepError):
        run.finish()
    return run
