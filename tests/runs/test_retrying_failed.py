"""Steps that failed and were passed are executed again when the run is told to."""

from __future__ import annotations

import pytest

import pforge_lab as pf


@pytest.fixture
def flaky(memory):
    """Return a run in which the second and the fourth step failed and were passed, and what mends them."""
    broken = {"b", "d"}
    called = []

    def tool(name):
        def call(x):
            called.append(name)
            if name in broken:
                raise ValueError(name)
            return x + 1

        return call

    made = [
        pf.Step(tool(name), input={"x": "{{ x }}"}, output_var="x", label=name, error_policy="continue")
        for name in "abcde"
    ]
    run = pf.Pipeline("p", params={"x": "integer"}, steps=made).start({"x": 0}, state=memory)
    run.finish()
    assert [record.status for record in run.history] == ["done", "failed", "done", "failed", "done"]
    assert run["x"] == 3
    called.clear()
    return run, broken, called


def test_failed_steps_are_executed_again_from_the_first(flaky):
    run, broken, called = flaky
    broken.clear()
    assert run.finish(retry_failed=True).variables["x"] == 5
    assert called == ["b", "c", "d", "e"]
    assert (run.head.lines.number, len(run.lines), run.position) == (1, 2, 5)
    run.switch(0)
    assert run["x"] == 3


def test_what_fails_again_is_passed_again(flaky):
    run, broken, called = flaky
    broken.discard("b")
    assert run.finish(retry_failed=True).variables["x"] == 4
    assert [record.status for record in run.history] == ["done", "done", "done", "failed", "done"]
    called.clear()
    broken.clear()
    assert run.finish(retry_failed=True).variables["x"] == 5
    assert called == ["d", "e"]


def test_without_failures_nothing_is_executed_again(flaky):
    run, broken, called = flaky
    broken.clear()
    run.finish(retry_failed=True)
    called.clear()
    run.finish(retry_failed=True)
    run.finish()
    assert called == []


def test_retrying_stops_where_it_is_told(flaky):
    run, broken, called = flaky
    broken.clear()
    run.finish("c", retry_failed=True)
    assert called == ["b", "c"]
