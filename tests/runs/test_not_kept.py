"""Values that cannot be kept: the run goes on, and says what to do for them."""

from __future__ import annotations

import socket
import threading

import pytest

import pforge_lab as pf


def pipeline_of(*functions):
    return pf.Pipeline.from_functions("test", *functions)


def nothing():
    return None


def unkept():
    """Return the things no snapshot can keep, by name."""
    return {
        "generator": lambda: (i for i in range(3)),
        "lock": threading.Lock,
        "file": lambda: open(__file__, encoding="utf-8"),  # noqa: PTH123
        "socket": socket.socket,
        "thread": lambda: threading.Thread(target=nothing),
    }


@pytest.fixture(params=sorted(unkept()))
def handle(request):
    """Return a thing that cannot be kept, closed after the test where it can be."""
    made = unkept()[request.param]()
    yield made
    if hasattr(made, "close"):
        made.close()


class Given:
    """A tool that returns what this test holds."""

    held = None


def given():
    return Given.held


def test_a_value_that_cannot_be_kept_does_not_stop_the_run(place, handle, monkeypatch):
    monkeypatch.setattr(Given, "held", handle)

    def use(given):
        return type(given).__name__

    run = pipeline_of(given, use, nothing).start(state=place)
    run.finish()
    assert run["given"] is handle
    assert run["use"] == type(handle).__name__
    assert set(run.history[0].not_kept) == {"given"}

    run.goto("given")
    with pytest.raises(pf.NotKept, match=r"'given' was not kept .*run step 'given' again") as caught:
        run["given"]
    assert (caught.value.name, caught.value.label) == ("given", "given")
    assert caught.value.reason
    assert "given" in run.variables
    with pytest.raises(pf.StepError, match="NotKept"):
        run.step()
    run.goto(0)
    run.finish()
    assert run["given"] is handle


def test_after_a_failure_a_value_that_cannot_be_kept_stays(place):
    calls = []

    def stream():
        return (i for i in range(3))

    def flaky(stream):
        calls.append(1)
        if len(calls) == 1:
            raise ValueError
        return list(stream)

    run = pipeline_of(stream, flaky).start(state=place)
    run.step()
    with pytest.raises(pf.StepError):
        run.step()
    run.step()
    assert run["flaky"] == [0, 1, 2]


def test_a_set_value_that_was_not_kept_is_to_be_set_again(run):
    run.step()
    run.set(stream=(i for i in range(3)))
    run.goto(0)
    run.goto(2)
    with pytest.raises(pf.NotKept, match=r"run\.set\(stream=\.\.\.\)"):
        run["stream"]


def test_a_lost_value_does_not_stop_a_loop_that_does_not_read_it(place):
    def stream():
        return (i for i in range(3))

    def double(x):
        return 2 * x

    steps = [
        pf.Step(stream, output_var="stream"),
        pf.Step(double, input={"x": "{{ i }}"}, output_var="o", **{"foreach": "{{ xs }}", "as": "i"}),
    ]
    run = pf.Pipeline("loop", params={"xs": "array"}, steps=steps).start({"xs": [1, 2]}, state=place)
    run.step()
    run.goto(0)
    run.goto(1)
    run.step()
    assert run["o"] == [2, 4]


def test_the_rest_of_the_variables_is_kept_beside_one_that_is_not(place):
    def lock():
        return threading.Lock()

    def rest(lock):
        return {"a": [1]}

    run = pipeline_of(lock, rest, nothing).start(state=place)
    run.finish()
    run.goto("rest")
    assert run["rest"] == {"a": [1]}


def test_a_failure_tells_which_variables_are_not_as_before(place):
    """What no snapshot could keep is as the step that failed has left it; what the step did not read is no matter."""

    class Holder:
        def __init__(self):
            self.lock, self.values = threading.Lock(), [1]

    def held():
        return Holder()

    def breaks(held):
        held.values.append("spoilt")
        raise ValueError("broken")

    steps = [
        pf.Step(held, output_var="held"),
        pf.Step(held, label="other", output_var="other"),
        pf.Step(breaks, input={"held": "{{ held }}"}),
    ]
    run = pf.Pipeline("p", steps=steps).start(state=place)
    run.step(2)
    told = r"as before the step \(but for 'held', not kept and so as the step has left it\): mend it"
    with pytest.raises(pf.StepError, match=told):
        run.step()
    assert run["held"].values == [1, "spoilt"]
