"""Steps that start processes record the peak of those, whatever this process holds."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import pforge_lab as pf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
MB = 10**6

FILL = {
    "name": "fill",
    "type": "cli",
    "command": sys.executable,
    "args": ["-I", "-c", "import sys; x = bytearray(b'x') * int(sys.argv[1])", "{{ n }}"],
}


def peak_of(memory, **step):
    pipeline = pf.Pipeline.from_dict(
        {"name": "filling", "params": {"n": "integer", "sizes": "array"}, "tools": [FILL], "steps": [step]}
    )
    run = pipeline.start({"n": 300 * MB, "sizes": [1, 300 * MB]}, state=memory)
    record = run.step()
    assert run.memory["child_peak"].tolist() == [record.memory.child_peak]
    return record


def test_a_child_of_300_mb_under_a_parent_of_500_mb(memory):
    """Within 5 %; the parent's own mark, which the child begins with, is not taken for it."""
    held = np.ones(500 * MB // 8)
    record = peak_of(memory, tool="fill", input={"n": "{{ n }}"})
    assert record.memory.child_peak == pytest.approx(300 * MB, rel=0.05)
    assert record.memory.peak > held.nbytes
    assert "child processes 31" in str(record) or "child processes 30" in str(record)


def test_the_highest_of_the_parts_counts(memory):
    record = peak_of(memory, tool="fill", input={"n": "{{ item }}"}, foreach="{{ sizes }}")
    assert record.memory.child_peak == pytest.approx(300 * MB, rel=0.05)
    assert len(record.children) == 2


def test_a_step_without_processes_has_none(run):
    assert run.step().memory.child_peak is None
