"""Two views of one run, and what a second one shows when the first one forks."""

from __future__ import annotations

import pytest

import pforge_lab as pf
from pforge_lab.widgets.stepper import Stepper
from tests.widgets.pressing import press


@pytest.fixture
def two(done):
    """Return two steppers of one run that is done."""
    made = [Stepper(done), Stepper(done)]
    yield made
    for each in made:
        each.close()


def places(steppers):
    return [(each.view["id"], each.view["position"], each.view["status"]) for each in steppers]


def test_a_move_in_one_view_shows_in_the_other(two, done):
    for button, position in (("back", 1), ("reset", 0), ("step", 1)):
        press(two[0], do=button)
        assert places(two) == [(done.id, position, done.status)] * 2


def test_a_move_by_the_run_itself_shows_in_both(two, done):
    done.back()
    assert places(two) == [(done.id, 1, "paused")] * 2
    done.step()
    assert places(two) == [(done.id, 2, "done")] * 2


def test_a_fork_in_one_view_leaves_the_other_on_the_old_run_which_says_so(two, done):
    press(two[0], do="fork", name="n", value="4", at=0)
    fork = two[0].run
    assert places(two) == [(fork.id, 1, "paused"), (done.id, 2, "done")]
    assert two[1].notice == f"{fork.id} was forked from this run at position 0; this view stays on {done.id}."
    assert two[1].other == fork.id
    assert f"other views and cells stay on {done.id}" in two[0].notice


def test_the_notice_of_a_fork_shows_it_and_the_views_agree_again(two):
    press(two[0], do="fork", name="n", value="4", at=0)
    press(two[1], do="show", run=two[1].other)
    fork = two[0].run
    assert two[1].run is fork
    press(two[0], do="finish")
    assert places(two) == [(fork.id, 3, "done")] * 2
    press(two[1], do="back")
    assert places(two) == [(fork.id, 2, "paused")] * 2


def test_from_a_fork_one_goes_back_to_the_run_it_was_made_of(two, done):
    press(two[0], do="fork", name="n", value="4", at=0)
    assert two[0].other == done.id
    press(two[0], do="show", run=two[0].other)
    done.back()
    assert places(two) == [(done.id, 1, "paused")] * 2


def test_a_move_of_the_old_run_does_not_move_the_view_of_the_fork(two, done):
    press(two[0], do="fork", name="n", value="4", at=0)
    before = two[0].view
    done.back()
    assert two[0].view is before
    assert two[1].view["position"] == 1


def test_a_fork_by_a_call_is_told_in_every_view_of_the_run(two, done):
    fork = done.fork(at=1)
    assert [each.other for each in two] == [fork.id] * 2
    assert places(two) == [(done.id, 2, "done")] * 2


def test_a_fork_of_a_changed_pipeline_is_told_as_well(two, done, pipeline):
    def summed(numbers, limit: int = 7):
        return 2 * sum(numbers[:limit])

    changed = pf.Pipeline.from_functions("adding", pipeline.functions()["numbers"], summed)
    fork = done.fork_changed(changed)
    assert [each.other for each in two] == [fork.id] * 2


def test_a_fork_that_is_gone_is_told_and_the_view_stays(two, done, state):
    other = done.fork(at=1).id
    pf.delete_run(other, state=state)
    press(two[0], do="show", run=other)
    assert "there is no run" in two[0].notice
    assert two[0].view["id"] == done.id
