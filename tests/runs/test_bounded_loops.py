"""A loop that does not end is ended by ``max_steps``, and the run says so."""

from __future__ import annotations

import pytest

import pforge_lab as pf
from pforge_lab.state import MemoryStateManager


def poll(n: int) -> int:
    """Count, and never be ready."""
    return n + 1


@pytest.fixture
def run():
    """Return a run of a loop without an end, which may take five steps."""
    step = {"tool": "poll", "input": {"n": "{{ n }}"}, "output_var": "n", "next": "poll"}
    data = {"name": "polling", "params": {"n": "integer"}, "max_steps": 5, "steps": [step]}
    pipeline = pf.Pipeline.from_dict(data, functions={"poll": poll})
    return pipeline.start({"n": 0}, state=MemoryStateManager())


def test_finish_ends_at_the_bound(run):
    """The steps that were taken stay, and the message names the way out."""
    with pytest.raises(pf.RunError, match=r"took 5 steps, as many as max_steps of 'polling' allows; go back"):
        run.finish()
    assert (run.position, run["n"], run.status) == (5, 5, "paused")


def test_edits_are_no_steps(run):
    """A variable that was set by hand takes a position, but no step."""
    run.set(n=10)
    with pytest.raises(pf.RunError, match="took 5 steps"):
        run.finish()
    assert run["n"] == 15


def test_a_step_beyond_the_bound_is_refused_until_one_goes_back(run):
    """Stepping by hand meets the same bound; from an earlier position there is room again."""
    run.step(5)
    with pytest.raises(pf.RunError, match="took 5 steps"):
        run.step()
    run.back()
    assert run.step().index == 5


def test_a_pipeline_of_many_steps_ends():
    """The bound is for loops: steps that stand one after another are all taken."""
    pipeline = pf.Pipeline("long", steps=[pf.Step(dict, label=f"s{i}") for i in range(4)], max_steps=2)
    assert len(pipeline.run({}, state=MemoryStateManager()).results) == 4
