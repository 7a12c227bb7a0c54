"""``record=False``: a pipeline as plain function calls, with the semantics of a run and nothing kept."""

from __future__ import annotations

import pytest

import pforge_lab as pf


def load(n: int):
    print("loading")
    return list(range(n))


def total(load):
    return sum(load)


def spoil(items):
    items.clear()
    raise ValueError("spoilt")


@pytest.fixture
def sums():
    return pf.Pipeline.from_functions("sums", load, total)


def test_it_gives_the_results_and_variables_of_a_run(sums, memory):
    plain, recorded = sums.run({"n": 4}, record=False), sums.run({"n": 4}, state=memory)
    assert dict(plain.variables) == dict(recorded.variables) == {"n": 4, "load": [0, 1, 2, 3], "total": 6}
    assert [(result.tool, result.success, result.output) for result in plain.results] == [
        (result.tool, result.success, result.output) for result in recorded.results
    ]


def test_outputs_are_the_very_objects(sums):
    output = sums.run({"n": 4}, record=False)
    assert output.results[0].output is output.variables["load"]


def test_nothing_is_written_or_made(sums, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sums.run({"n": 4}, record=False)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == "loading\n"


def test_no_run_is_in_the_store_that_tools_get(memory):
    def count(state: pf.StateManager):
        return state.increment("calls")

    state = pf.open_state(memory)
    pipeline = pf.Pipeline.from_functions("counting", count)
    pipeline.run(record=False, state=state)
    assert pipeline.run(record=False, state=state).variables["count"] == 2
    assert state.keys() == ["calls"]
    assert len(pf.runs(state)) == 0


def test_a_store_that_was_named_is_closed_again(tmp_path):
    def count(state: pf.StateManager):
        return state.increment("calls")

    place = tmp_path / "lab.fs"
    pipeline = pf.Pipeline.from_functions("counting", count)
    pipeline.run(record=False, state=place)
    with pf.open_state(place) as state:
        assert state.get("calls") == b"1"


def test_params_are_checked_before_anything_executes(sums):
    with pytest.raises(pf.ParamError, match="'four'"):
        sums.run({"n": "four"}, record=False)


def test_an_error_names_the_step_its_function_and_what_to_do(memory):
    pipeline = pf.Pipeline("p", steps=[pf.Step(spoil, input={"items": "{{ items }}"})])
    with pytest.raises(
        pf.StepError,
        match=r"^step 1 'spoil' failed: ValueError: spoilt \(in spoil, test_unrecorded.py:\d+\); "
        r"nothing was recorded: mend it and run the pipeline again$",
    ) as caught:
        pipeline.run({"items": [1]}, record=False)
    assert (caught.value.step, caught.value.label, caught.value.tool) == (1, "spoil", "spoil")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_step_that_may_fail_leaves_its_inputs_as_they_were():
    steps = [pf.Step(spoil, input={"items": "{{ items }}"}, error_policy="continue", output_var="never")]
    output = pf.Pipeline("p", steps=steps).run({"items": [1, 2]}, record=False)
    assert dict(output.variables) == {"items": [1, 2]}
    assert [(result.success, result.error, result.output) for result in output.results] == [
        (False, "ValueError: spoilt", None)
    ]


def test_each_attempt_starts_with_the_inputs_as_they_were():
    seen = []

    def flaky(items):
        seen.append(list(items))
        items.append("more")
        if len(seen) < 3:
            raise ValueError("not yet")
        return len(items)

    step = pf.Step(
        flaky, input={"items": "{{ items }}"}, output_var="n", retry={"attempts": 3, "backoff": 0.0}
    )
    output = pf.Pipeline("p", steps=[step]).run({"items": [1]}, record=False)
    assert seen == [[1]] * 3
    assert output.variables["n"] == 2


def test_a_timeout_is_told_as_one():
    import threading

    forever = threading.Event()
    step = pf.Step(lambda: forever.wait(60), timeout_ms=20, label="waits")
    try:
        with pytest.raises(pf.StepTimeout, match="step 1 'waits' failed") as caught:
            pf.Pipeline("p", steps=[step]).run(record=False)
    finally:
        forever.set()
    assert caught.value.seconds == 0.02


def test_conditions_and_transitions_work_and_loops_are_bounded():
    def more(n):
        return n + 1

    step = pf.Step(
        more, input={"n": "{{ n }}"}, output_var="n", label="more",
        next=[{"if": "n < 5", "goto": "more"}, {"goto": "end"}],
    )  # fmt: skip
    skipped = pf.Step(more, label="skipped", condition="n > 100")
    data = {"name": "p", "params": {"n": "integer"}, "steps": [step, skipped], "max_steps": 7}
    pipeline = pf.Pipeline(**data)
    output = pipeline.run({"n": 0}, record=False)
    assert output.variables["n"] == 5
    assert len(output.results) == 5
    with pytest.raises(pf.RunError, match=r"'p' took 7 steps; raise max_steps, or let its loop end"):
        pipeline.run({"n": -20}, record=False)


def test_more_steps_than_max_steps_may_end_where_nothing_loops():
    pipeline = pf.Pipeline("long", steps=[pf.Step(dict, label=f"s{i}") for i in range(4)], max_steps=2)
    assert len(pipeline.run(record=False).results) == 4


def test_variables_are_dropped_once_no_later_step_reads_them(sums):
    output = sums.run({"n": 4}, record=False, drop_unused=True)
    assert list(output.variables) == ["load", "total"]


def test_a_variable_that_is_not_there_is_named(sums):
    with pytest.raises(
        pf.VariableNotFound, match="there is no variable 'totl' at the end, did you mean 'total'"
    ):
        sums.run({"n": 4}, record=False).variables["totl"]


@pytest.mark.parametrize(
    "options", [{"keep": 3}, {"carry": "x"}, {"memory": "settle"}, {"id": "a", "exclude": ["b"]}]
)
def test_options_that_only_a_record_can_have_are_refused(sums, options):
    names = ", ".join(f"{name}=" for name in options)
    with pytest.raises(
        pf.UsageError, match=f"with record=False nothing is kept, so there is no {names}; leave it out"
    ):
        sums.run({"n": 4}, record=False, **options)


def test_lines_of_a_streaming_command_are_shown_as_in_a_run(capfd):
    """Each as the command writes it."""
    command = {
        "type": "cli",
        "name": "says",
        "command": "sh",
        "args": ["-c", "echo out; echo err >&2"],
        "stream": True,
    }
    pf.Pipeline("p", tools=[command], steps=[pf.Step("says")]).run(record=False)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("out\n", "err\n")
