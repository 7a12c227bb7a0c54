"""Steps that start processes record the peak of those, whatever this process holds."""

from __future__ import annotations

import sys

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


UNDER = """
    import sys
    import numpy as np
    import pforge_lab as pf

    held = np.ones(500 * 10**6 // 8)
    fill = {"name": "fill", "type": "cli", "command": sys.executable,
            "args": ["-I", "-c", "import sys; x = bytearray(b'x') * int(sys.argv[1])", "{{ n }}"]}
    pipeline = pf.Pipeline.from_dict({"name": "filling", "params": {"n": "integer"}, "tools": [fill],
                                      "steps": [{"tool": "fill", "input": {"n": "{{ n }}"}}]})
    record = pipeline.start({"n": 300 * 10**6}, state="memory:").step()
    print(record.memory.child_peak, record.memory.peak > held.nbytes, "child processes 3" in str(record))
"""


def test_a_child_of_300_mb_under_a_parent_of_500_mb(scripts):
    """Within 5 %; the parent's own mark, which the child begins with, is not taken for it."""
    peak, above, told = scripts.run("under.py", UNDER)[-1].split()
    assert int(peak) == pytest.approx(300 * MB, rel=0.05)
    assert (above, told) == ("True", "True")


def test_the_highest_of_the_parts_counts(memory):
    record = peak_of(memory, tool="fill", input={"n": "{{ item }}"}, foreach="{{ sizes }}")
    assert record.memory.child_peak == pytest.approx(300 * MB, rel=0.05)
    assert len(record.children) == 2


def test_a_step_without_processes_has_none(run):
    assert run.step().memory.child_peak is None
