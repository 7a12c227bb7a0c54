"""``pforge-lab compare`` and ``ui``."""

from __future__ import annotations


def test_two_runs_side_by_side(pforge):
    """Both runs, their steps and what differs."""
    pforge("run", "sums.yaml", "--id", "small")
    pforge("run", "sums.yaml", "--id", "large", "-p", "n=5")
    said = pforge("compare", "small", "large")
    assert said.code == 0
    for fact in ("small", "large", "total", "[0, 1, 2]", "3", "10"):
        assert fact in said.out


def test_one_run_is_compared_with_the_current_one(pforge):
    """In a shell that is the newest, or the one named by ``--run``."""
    pforge("run", "sums.yaml", "--id", "small")
    pforge("run", "sums.yaml", "--id", "large", "-p", "n=5")
    said = pforge("compare", "small")
    assert said.out.index("large") < said.out.index("small")


def test_a_run_that_is_not_there_is_named_with_what_is_near(pforge):
    """One line, and the exit code of a missing run."""
    pforge("run", "sums.yaml", "--id", "small")
    said = pforge("compare", "small", "smal1")
    assert (said.code, "did you mean 'small'" in said.err) == (4, True)


def test_the_stepper_is_a_view_of_notebooks(pforge):
    """A shell is told where it works."""
    pforge("run", "sums.yaml")
    said = pforge("ui")
    assert said.code == 2
    assert "in a cell" in said.err
