"""After an error: the variables are as before the step, and the next step tries it again."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf


@pytest.fixture
def broken(place):
    """Return a run whose second step spoils its inputs and fails while ``broken.mended`` is empty."""
    mended = []
    seen = []

    def make():
        return {"frame": pd.DataFrame({"a": [1, 2]}), "array": np.arange(3), "list": [1]}

    def spoil(make):
        seen.append((make["frame"].shape, make["array"].tolist(), list(make["list"])))
        make["frame"]["b"] = 0
        make["array"][:] = -1
        make["list"].append("spoilt")
        if not mended:
            raise ValueError("not today")
        return len(make["list"])

    run = pf.Pipeline.from_functions("broken", make, spoil).start(state=place)
    run.mended, run.seen = mended, seen
    run.step()
    return run


def test_the_error_is_chained_and_carries_its_facts(broken):
    with pytest.raises(pf.StepError, match="step 2 'spoil' failed: ValueError: not today") as caught:
        broken.step()
    error = caught.value
    assert isinstance(error.__cause__, ValueError)
    assert (error.run, error.step, error.label, error.tool) == (broken.id, 2, "spoil", "spoil")
    assert "test_failure.py:" in str(error)
    assert "\n" not in str(error)
    assert str(error).endswith("mend it and step again")


def test_no_line_of_a_library_is_blamed(memory):
    """A command that is retried fails somewhere in a library of ours, and in Python's own."""
    tool = {"type": "cli", "name": "fails", "command": "python3", "args": ["-c", "raise SystemExit(3)"]}
    step = {"tool": "fails", "retry": {"attempts": 2, "backoff": 0.001}}
    with pytest.raises(
        pf.StepError, match=r"'python3' ended with exit code 3: it printed nothing; the run is at position 0"
    ):
        pf.Pipeline("p", tools=[tool], steps=[step]).run(state=memory)


def test_the_run_is_failed_at_the_position_before(broken):
    with pytest.raises(pf.StepError):
        broken.step()
    assert (broken.status, broken.position, len(broken.history)) == ("failed", 1, 1)
    assert (broken.attempt.status, broken.attempt.label, broken.attempt.index) == ("failed", "spoil", 2)
    assert broken.attempt.error == "ValueError: not today"


def test_variables_are_as_before_the_step_although_the_tool_changed_its_input(broken):
    with pytest.raises(pf.StepError):
        broken.step()
    made = broken["make"]
    assert list(made["frame"]) == ["a"]
    assert made["array"].tolist() == [0, 1, 2]
    assert made["list"] == [1]


def test_the_next_step_tries_again_with_inputs_as_they_were(broken):
    for _ in range(2):
        with pytest.raises(pf.StepError):
            broken.step()
    broken.mended.append(1)
    record = broken.step()
    assert (record.index, record.status, broken["spoil"], broken.status) == (2, "done", 2, "done")
    assert broken.seen == [((2, 1), [0, 1, 2], [1])] * 3
    assert broken.attempt is None
    assert [record.label for record in broken.history] == ["make", "spoil"]


def test_going_back_after_a_failure_is_possible(broken):
    with pytest.raises(pf.StepError):
        broken.step()
    broken.back()
    assert (broken.status, broken.attempt) == ("ready", None)


def test_finish_keeps_what_was_completed(broken):
    broken.goto(0)
    with pytest.raises(pf.StepError):
        broken.finish()
    assert broken.position == 1
    broken.mended.append(1)
    assert broken.finish().variables["spoil"] == 2


def test_a_retry_sees_inputs_as_they_were(place):
    seen = []

    def make():
        return [1]

    def flaky(make):
        seen.append(list(make))
        make.append("spoilt")
        if len(seen) < 3:
            raise OSError
        return "ok"

    steps = [
        pf.Step(make, output_var="make"),
        pf.Step(flaky, input={"make": "{{ make }}"}, output_var="x", retry={"attempts": 3, "backoff": 0}),
    ]
    run = pf.Pipeline("retries", steps=steps).start(state=place)
    run.finish()
    assert seen == [[1]] * 3
    assert run["make"] == [1, "spoilt"]


def test_a_timeout_tells_its_limit_and_leaves_the_run_as_it_was(place):
    release = threading.Event()

    def make():
        return [1]

    def slow(make):
        make.append("spoilt")
        release.wait()

    steps = [
        pf.Step(make, output_var="make"),
        pf.Step(slow, input={"make": "{{ make }}"}, timeout_ms=50),
    ]
    run = pf.Pipeline("slow", steps=steps).start(state=place)
    run.step()
    try:
        with pytest.raises(pf.StepTimeout, match=r"longer than 0\.05 s .*raise timeout_ms") as caught:
            run.step()
    finally:
        release.set()
    assert caught.value.seconds == 0.05
    assert (run.status, run.position, run["make"]) == ("failed", 1, [1])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_ends_the_step_and_the_run_can_go_on(place, kind):
    calls = []

    def make():
        return [1]

    def stopped(make):
        make.append("spoilt")
        calls.append(1)
        if len(calls) == 1:
            raise kind
        return len(make)

    run = pf.Pipeline.from_functions("stopped", make, stopped).start(state=place)
    with pytest.raises(kind):
        run.finish()
    assert (run.status, run.position, run["make"]) == ("interrupted", 1, [1])
    run.finish()
    assert (run.status, run["stopped"]) == ("done", 2)


def test_an_error_while_records_are_told_leaves_what_was_completed(run):
    def tell(record):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run.finish(each=tell)
    assert (run.position, run.status) == (1, "paused")


def test_one_thread_at_a_time_advances_a_run(memory):
    entered, release = threading.Event(), threading.Event()

    class Gate:
        def __call__(self):
            entered.set()
            release.wait()
            return 1

        def __reduce__(self):
            return Gate, ()

    run = pf.Pipeline("gate", steps=[pf.Step(Gate(), output_var="x")]).start(state=memory)
    worker = threading.Thread(target=run.step)
    worker.start()
    entered.wait()
    try:
        assert run.status == "running"
        for move in (run.step, lambda: run.back(0), lambda: run.goto(0), lambda: run.set(a=1)):
            with pytest.raises(pf.RunBusy, match="another thread of this process"):
                move()
    finally:
        release.set()
        worker.join()
    assert (run.status, run["x"]) == ("done", 1)


def test_a_function_that_cannot_be_kept_does_not_keep_the_run_from_going(place):
    """A tool over a lock or a connection works in this process; another one is told what is missing."""
    lock = threading.Lock()

    def guarded():
        with lock:
            return 1

    run = pf.Pipeline.from_functions("guarded", guarded).start(state=place)
    run.step()
    assert run["guarded"] == 1
