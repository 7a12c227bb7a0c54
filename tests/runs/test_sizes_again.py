"""Sizes in another process, and where there was no time for them, are those that are known best."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.runs.ledger import Ledger, account

NAMES = [f"frame{number}" for number in range(20)]


def frames():
    return {
        name: pd.DataFrame({f"c{column}": np.zeros(10_000 + place) for column in range(20)})
        for place, name in enumerate(NAMES)
    }


@pytest.fixture
def pipeline():
    """Return a pipeline over twenty frames, more than there is time to look at."""
    return pf.Pipeline("p", params=dict.fromkeys(NAMES, "object"), steps=[
        pf.Step(len, label="one", input={"obj": "{{ frame0 }}"}, output_var="n"),
        pf.Step(len, label="two", input={"obj": "{{ frame0 }}"}, output_var="m"),
    ])  # fmt: skip


def test_what_an_earlier_record_knows_is_not_forgotten_when_variables_are_loaded_anew(
    pipeline, memory, monkeypatch
):
    """After loading there may be no time to size all; what the step did not change is as it was."""
    run = pipeline.start(frames(), state=memory, memory="exact")
    known = run.step().sizes
    monkeypatch.setattr(run._steps._keeper, "exact", False)
    fork = run.fork(set={"m": 1})
    monkeypatch.setattr(sys.modules[Ledger.__module__], "_WALKING", 1e-9)
    sizes = fork.history[-1].sizes
    assert {name: sizes[name] for name in NAMES} == {name: known[name] for name in NAMES}


def test_looking_at_a_run_sizes_what_there_was_no_time_for(pipeline, memory, monkeypatch):
    """The record says that time ran out; the table of variables has what is true."""
    values = frames()
    run = pipeline.start(values, state=memory)
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[Ledger.__module__], "_WALKING", 1e-9)
        hurried = run.step().sizes
    assert sum(hurried[name].hurried for name in NAMES) > 5
    assert all(hurried[name].bytes > 10**6 for name in NAMES)  # an estimate, and not a wild one
    truth = account(values)
    shown = {name: size.bytes for name, size in run.live_sizes().items()}
    assert {name: shown[name] for name in NAMES} == {name: size.bytes for name, size in truth.items()}


def test_variables_have_sizes_before_the_first_step(pipeline, memory):
    """At the start there is no record yet; what is live has a size all the same."""
    run = pipeline.start(frames(), state=memory)
    assert "1.6" in str(run)
