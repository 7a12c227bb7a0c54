"""Parts of blocks and elements of loops that overran or failed leave what they read as it was."""

from __future__ import annotations

import threading

import pytest

import pforge_lab as pf


@pytest.fixture
def overrunning():
    """Return a tool that changes its input, overruns, and changes it again once it is let; what lets it and waits for that."""
    release, over = threading.Event(), threading.Event()

    def slow(data):
        data.append("spoilt")
        release.wait(30)
        data.append("late")
        over.set()

    def let():
        release.set()
        assert over.wait(30)

    yield slow, let
    release.set()


def _made():
    return [1]


def _length(data):
    data.append("counted")
    return len(data)


def _part(tool, name, **options):
    return pf.Step(tool, input={"data": f"{{{{ {name} }}}}"}, **options)


def test_a_block_that_goes_on_leaves_the_thread_of_an_abandoned_part_nothing_but_orphans(place, overrunning):
    """What it changes later is nobody's variable, and no edit; its record says that it was abandoned."""
    slow, let = overrunning
    block = pf.Parallel(
        _part(slow, "data", timeout_ms=100, error_policy="continue"), _part(_length, "data", output_var="n")
    )
    steps = [pf.Step(_made, output_var="data"), block, _part(_length, "data", output_var="m", label="last")]
    run = pf.Pipeline("block", steps=steps).start(state=place)
    record = run.step(2)
    assert "was abandoned on its thread" in record.children[0].error
    before = list(run["data"])
    let()
    assert run["data"] == before
    run.step()
    assert [each.label for each in run.history] == ["_made", "parallel", "last"]


def test_what_only_a_failed_part_of_a_block_has_read_is_as_before(place):
    """The others may have changed what they read."""

    def breaks(data):
        data.append("spoilt")
        raise ValueError("broken")

    block = pf.Parallel(
        _part(breaks, "own", error_policy="continue"), _part(_length, "other", output_var="n")
    )
    made = [pf.Step(_made, output_var=name, label=name) for name in ("own", "other")]
    run = pf.Pipeline("block", steps=[*made, block]).start(state=place)
    record = run.step(3)
    assert (run["own"], run["other"], run["n"]) == ([1], [1, "counted"], 2)
    assert record.changed == ("n", "other")
    assert run.at(3).variables["own"] == [1]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("record", [True, False])
def test_what_a_failed_part_shares_with_others_is_as_before(place, record, nested):
    """Whichever of them was first: what the one has changed before it failed, and what the other one has."""
    changed = threading.Event()

    def breaks(data):
        data.append("spoilt")
        changed.set()
        raise ValueError("broken")

    def counts(data):
        assert changed.wait(30)
        data.append("counted")
        return "counted"

    block = {
        "parallel": [
            {"tool": "breaks", "input": {"data": "{{ data }}"}, "error_policy": "continue"},
            {"tool": "counts", "input": {"data": "{{ data }}"}, "output_var": "n"},
        ]
    }
    functions = {"breaks": breaks, "counts": counts, "made": _made}
    steps = [{"tool": "made", "output_var": "data"}, block]
    definition = {"name": "p", "steps": steps}
    if nested:
        inner = {"type": "pipeline", "name": "inner", "steps": steps}
        definition = {"name": "p", "tools": [inner], "steps": [{"tool": "inner", "output_var": "out"}]}
    pipeline = pf.Pipeline.from_dict(definition, functions=functions)
    variables = dict(pipeline.run(record=record, **({"state": place} if record else {})).variables)
    found = variables["out"]["variables"] if nested else variables
    assert (found["data"], found["n"]) == ([1], "counted")


def test_an_element_that_was_abandoned_holds_nothing_but_orphans(place, overrunning):
    """The loop goes on under ``continue`` as long as one element was done."""
    slow, let = overrunning

    def each(data):
        return slow(data) if len(data) == 1 else len(data)

    loop = _part(
        each,
        "item",
        foreach="{{ [data, [1, 2]] }}",
        output_var="all",
        timeout_ms=100,
        error_policy="continue",
    )
    run = pf.Pipeline("loop", steps=[pf.Step(_made, output_var="data"), loop]).start(state=place)
    run.step(2)
    before = list(run["data"])
    let()
    assert run["data"] == before
    assert run["all"] == [None, 2]


def test_a_part_that_is_left_behind_when_a_block_fails_holds_nothing_but_orphans(place):
    """The failed attempt says that it goes on; what it changes later is nobody's variable."""
    held, begun, over = threading.Lock(), threading.Event(), threading.Event()

    def waits(data):
        data.append("spoilt")
        begun.set()
        try:
            held.acquire()
        finally:
            data.append("late")
            over.set()

    def breaks():
        assert begun.wait(20)
        raise ValueError("broken")

    block = pf.Parallel(_part(waits, "data"), pf.Step(breaks))
    run = pf.Pipeline("block", steps=[pf.Step(_made, output_var="data"), block]).start(state=place)
    run.step()
    with held, pytest.raises(pf.StepError, match="broken"):
        run.step()
    assert over.wait(20)
    assert run["data"] == [1]
    left = run.attempt.children[0]
    assert (left.status, "was abandoned on its thread" in left.error) == ("skipped", True)
