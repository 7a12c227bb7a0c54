"""What keeping a snapshot takes in memory beside the variables, as the project's own meter reads it."""

from __future__ import annotations

import sys

import pytest

from tests.measured import fresh

PROGRAM = """
import pforge_lab as pf

megabytes, folder = int(sys.argv[1]), sys.argv[2]

def other(a0):
    return a0[::-1].copy()

def inputs(count):
    random = np.random.default_rng(1)
    return {f"a{number}": random.random(megabytes * MB // count // 8) for number in range(count)}

steps = [pf.Step(other, input={"a0": "{{ a0 }}"}, output_var="a0")]
made = pf.Pipeline("large", params={f"a{number}": "any" for number in range(20)}, steps=steps)
small = pf.Pipeline("small", steps=[], params={"a": "any"})
small.start({"a": np.zeros(1000)}, state=folder + "/lab.fs")  # what is loaded at first
variables = inputs(20)
run = None

def start():
    global run
    run = made.start(variables, state=folder + "/lab.fs")

started = rise(measured(start))
variables["a0"][0] = 0.5
edited = rise(measured(run.note_edits))
show(started=started, edited=edited, positions=run.position)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is exact on Linux only")
def test_a_snapshot_takes_a_tenth_of_its_variables_at_most(tmp_path, heavy):
    """2 GB in make test-full; what is taken does not grow with the variables, so a smaller set shows the same."""
    megabytes = max(1000, heavy(2000))
    found = fresh(PROGRAM, megabytes, tmp_path)
    assert found["positions"] == 1
    assert found["started"] < megabytes / 10
    assert found["edited"] < megabytes / 10
