"""What a record says of a step: status, time, attempts, what changed, what was printed."""

from __future__ import annotations

import pickle
import sys
import time
import warnings

import pytest

import pforge_lab as pf
from pforge_lab.runs.records import StepRecord


def pipeline_of(*functions, **options):
    return pf.Pipeline.from_functions("test", *functions, **options)


def test_a_record_tells_what_the_step_was_and_did(run):
    record = run.step()
    assert (record.index, record.step, record.label, record.tool) == (1, 1, "one", "one")
    assert (record.status, record.attempts, record.error, record.output_var) == ("done", 1, None, "one")
    assert record.changed == ("one",)
    assert record.started.tzinfo is not None
    assert record.seconds >= 0


def test_memory_is_in_bytes_with_a_peak_not_below_its_ends(run):
    memory = run.step().memory
    assert memory.peak >= max(memory.before, 1_000_000)
    assert memory.peak >= memory.after or not memory.exact


def test_sizes_name_every_variable(run):
    run.step(2)
    assert set(run.history[-1].sizes) == {"n", "one", "two"}


def test_frames_have_the_columns_of_the_contract(run):
    run.finish()
    assert list(run.records)[:9] == [
        *("index", "step", "label", "tool", "status", "started", "seconds", "attempts", "error"),
    ]
    assert {"output_var", "changed", "memory", "logs", "children"} <= set(run.records)
    assert {"index", "label", "before", "peak", "after", "method", "exact"} <= set(run.memory)
    assert list(run.variable_sizes) == ["index", "label", "variable", "bytes", "reach", "approx"]
    assert len(run.records) == len(run.memory) == 3


def test_frames_of_a_run_that_has_not_begun_are_empty_and_keep_their_columns(run):
    assert len(run.records) == len(run.memory) == len(run.variable_sizes) == 0
    assert "label" in run.records


def test_what_is_printed_and_warned_is_kept_by_stream_and_still_shown(memory, capsys):
    def speak():
        print("to out")
        print("to err", file=sys.stderr)
        warnings.warn("careful", UserWarning, stacklevel=1)
        sys.stdout.write("no newline")

    with warnings.catch_warnings(record=True) as shown_warnings:
        warnings.simplefilter("always")
        record = pipeline_of(speak).start(state=memory).step()
    assert [str(warning.message) for warning in shown_warnings] == ["careful"]
    assert [(line.stream, line.text.split(" (")[0]) for line in record.logs] == [
        ("stdout", "to out"),
        ("stderr", "to err"),
        ("warning", "UserWarning: careful"),
        ("stdout", "no newline"),
    ]
    shown = capsys.readouterr()
    assert shown.out == "to out\nno newline"
    assert shown.err == "to err\n"


def test_standard_streams_are_given_back(memory, capsys):
    out, err = sys.stdout, sys.stderr
    pipeline_of(lambda_free_tool := one_print).start(state=memory).step()
    assert (sys.stdout, sys.stderr) == (out, err)
    assert lambda_free_tool is one_print


def one_print():
    print("x")


def test_logs_keep_the_first_and_the_last_lines_and_say_what_is_missing(memory, capsys):
    def chatter():
        for i in range(20_000):
            print(f"line {i}")

    logs = pipeline_of(chatter).start(state=memory).step().logs
    texts = [line.text for line in logs]
    assert texts[0] == "line 0"
    assert texts[-1] == "line 19999"
    assert sum(map(len, texts)) < 80_000
    assert sum("lines left out" in text for text in texts) == 1


def test_a_line_without_end_is_bounded(memory, capsys):
    def dots():
        for _ in range(200_000):
            sys.stdout.write(".")

    (line,) = pipeline_of(dots).start(state=memory).step().logs
    assert set(line.text) == {"."}
    assert len(line.text) <= 32 << 10


@pytest.mark.parametrize("form", ["\r{}", "{}\r"])
def test_of_a_progress_bar_its_last_state_is_kept(memory, capsys, form):
    def bar():
        for i in range(20_000):
            sys.stderr.write(form.format(f"{i} of 20000"))
        sys.stderr.write("\n")

    (line,) = pipeline_of(bar).start(state=memory).step().logs
    assert line.text == "19999 of 20000"


def test_a_tool_that_closes_stdout_is_its_own_fault_only(memory, capsys):
    def sad():
        raise ValueError("no")

    run = pipeline_of(sad).start(state=memory)
    out = sys.stdout
    with pytest.raises(pf.StepError):
        run.step()
    assert sys.stdout is out


def test_attempts_count_the_calls(memory):
    calls = []

    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise OSError(f"try {len(calls)}")
        return "ok"

    step = pf.Step(flaky, output_var="x", retry={"attempts": 5, "backoff": 0})
    record = pf.Pipeline("retry", steps=[step]).start(state=memory).step()
    assert (record.attempts, record.status) == (3, "done")
    assert [line.text for line in record.logs if "attempt" in line.text] == [
        "attempt 1 of flaky failed: OSError: try 1",
        "attempt 2 of flaky failed: OSError: try 2",
    ]


def test_a_false_condition_skips_the_step_and_takes_a_position(memory):
    def never():
        raise AssertionError

    run = pf.Pipeline(
        "skip", params={"x": "any"}, steps=[pf.Step(never, condition="x", output_var="y")]
    ).start({"x": 0}, state=memory)
    record = run.step()
    assert (record.status, record.attempts, record.changed, run.position) == ("skipped", 0, (), 1)
    assert "y" not in run.variables
    assert run.status == "done"
    assert run.results == ()


def test_continue_goes_on_after_a_failure_and_keeps_it(memory):
    def bad(x):
        x.append("spoilt")
        raise ValueError("two\nlines")

    def after(x):
        return list(x)

    steps = [
        pf.Step(bad, input={"x": "{{ x }}"}, output_var="b", error_policy="continue"),
        pf.Step(after, input={"x": "{{ x }}"}, output_var="a"),
    ]
    run = pf.Pipeline("tolerant", params={"x": "array"}, steps=steps).start({"x": [1]}, state=memory)
    out = run.finish()
    failed = run.history[0]
    assert (failed.index, failed.status, failed.error) == (1, "failed", "ValueError: two lines")
    assert "in bad" in failed.traceback
    assert out.variables["a"] == [1]
    assert [(result.success, result.output) for result in out.results] == [(False, None), (True, [1])]
    assert out.results[0].error == "ValueError: two lines"
    assert run.status == "done"


def test_a_record_shows_itself_on_one_line(run):
    assert repr(run.step()).startswith("<StepRecord 1 'one': done; ")


def test_records_survive_json_and_pickle(memory, capsys):
    record = pipeline_of(one_print).start(state=memory).step()
    assert StepRecord.from_json(record.to_json()) == record
    assert pickle.loads(pickle.dumps(record)) == record


def test_seconds_are_those_of_the_step(memory):
    def work():
        start = time.perf_counter()
        while time.perf_counter() - start < 0.02:
            pass

    assert pipeline_of(work).start(state=memory).step().seconds >= 0.02


def test_stale_names_completed_steps_whose_function_was_defined_again(scripts):
    printed = scripts.run(
        "redefine.py",
        """
        import pforge_lab as pf

        def one(): return 1
        def two(one): return one + 1

        run = pf.Pipeline.from_functions("p", one, two).start(state="memory:")
        run.finish()
        print(run.stale(), run["two"])
        def two(one): return one + 100
        print(run.stale())
        run.back()
        print(run.stale())
        run.step()
        print(run.stale(), run["two"])
        """,
    )
    assert printed == ["[] 2", "['two']", "[]", "[] 101"]


def test_parts_of_a_step_say_when_each_of_them_started():
    """One after the other, the second part starts when the first has ended."""
    run = pf.Pipeline("p", params={"xs": "array"}, steps=[
        pf.Step(str, label="texts", input={"object": "{{ x }}"}, foreach="{{ xs }}", as_="x", max_parallel=1, output_var="ys"),
    ]).start({"xs": [1, 2, 3]}, state="memory:parts")  # fmt: skip
    record = run.step()
    times = [record.started, *(child.started for child in record.children)]
    assert times == sorted(set(times))
