"""A parameter annotated with the state manager is given the one that the run lives in."""

from __future__ import annotations

import functools
from typing import Annotated, Optional, Union

import pytest

import pforge_lab as pf
from pforge_lab.pipeline.engine import execute
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


def in_optional(state: Optional["pf.StateManager"] = None):  # noqa: UP037, UP045 -- the form is what is tested
    """Have the name as a text inside of another type."""
    return state


def in_union(state: Union["pf.StateManager", None]):  # noqa: UP007, UP037 -- the same
    """Have none by default."""
    return state


def unresolvable(state: unknown.StateManager):  # noqa: F821 -- as of an import under TYPE_CHECKING
    """Have a name that only type checkers can resolve."""
    return state


def unresolvable_or_none(state: Optional[unknown.StateManager] = None):  # noqa: F821, UP045 -- the same
    """Have it in a union."""
    return state


def unresolvable_or_none_too(state: unknown.StateManager | None = None):  # noqa: F821 -- the same
    """Have it in a union in the new way."""
    return state


def annotated(state: Annotated[unknown.StateManager, "told"]):  # noqa: F821 -- the same
    """Have it with a note."""
    return state


def with_another(x, *, state: pf.StateManager):
    """Have another parameter."""
    return state


def local():
    """Return a function whose annotation names what only this one knows."""
    import pforge_lab as here

    def inner(state: here.StateManager):
        return state

    return inner


@pytest.mark.parametrize(
    "function",
    [
        in_optional, in_union, unresolvable, unresolvable_or_none, unresolvable_or_none_too, annotated, local(),
        functools.partial(ticket), functools.partial(in_optional), functools.partial(with_another, 1),
        functools.partial(functools.partial(with_another), x=1),
    ],
)  # fmt: skip
def test_every_form_of_the_annotation_is_understood(function):
    """As a text, in a union, behind a partial, and where only its name can be told."""
    state = MemoryStateManager()
    step = pf.Step(function, output_var="given")
    outcome = execute(pf.Pipeline("p", steps=[step]), 0, {}, resources={pf.StateManager: state})
    assert outcome.error is None
    assert outcome.output is state or outcome.output == state.increment("tickets", 0)


def test_a_state_manager_that_a_partial_has_is_not_replaced():
    """Who gives one wants that one."""
    mine = MemoryStateManager()
    step = pf.Step(functools.partial(with_another, 1, state=mine), output_var="given")
    outcome = execute(
        pf.Pipeline("p", steps=[step]), 0, {}, resources={pf.StateManager: MemoryStateManager()}
    )
    assert outcome.output is mine


def test_other_names_that_cannot_be_resolved_are_no_resources():
    """A list of state managers, or a class whose name only ends like it."""

    def other(state: list[unknown.StateManager], more: unknown.TerraformStateManager):  # noqa: F821 -- the same
        return state, more

    assert list(pf.Pipeline.from_functions("p", other).params) == ["state", "more"]
