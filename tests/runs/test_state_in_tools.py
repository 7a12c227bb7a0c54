"""A parameter annotated with the state manager is given the one that the run lives in."""

from __future__ import annotations

import pforge_lab as pf
from pforge_lab.state import MemoryStateManager


def ticket(state: pf.StateManager, by: int = 1) -> int:
    """Count in the store."""
    return state.increment("tickets", by)


def test_a_tool_is_given_the_state_manager_of_its_run():
    """A tool that asks for one counts where the run lives, and every run of that store counts on."""
    with MemoryStateManager() as state:
        pipeline = pf.Pipeline("counter", steps=[pf.Step(ticket, output_var="n")])
        counts = [pipeline.run({}, state=state).variables["n"] for _ in range(3)]
        assert counts == [1, 2, 3]
        assert state.get("tickets") == b"3"


def test_the_parameter_is_no_param_of_the_pipeline():
    """What the run hands out nobody has to pass."""
    pipeline = pf.Pipeline.from_functions("counter", ticket)
    assert list(pipeline.params) == ["by"]
    assert pipeline.run({"by": 2}, state=MemoryStateManager()).variables["ticket"] == 2


def test_stepping_back_leaves_the_store_alone():
    """Rewinding restores variables: the store is shared with other runs."""
    run = pf.Pipeline.from_functions("counter", ticket).start(state=MemoryStateManager())
    run.step()
    run.back()
    run.step()
    assert run["ticket"] == 2
