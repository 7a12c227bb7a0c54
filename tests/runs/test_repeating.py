"""Leak watch: what grows when a pipeline is repeated, by variable and in the remainder."""

from __future__ import annotations

import gc
import json
import sys

import pandas as pd
import pytest
from hypothesis import given, strategies as st

import pforge_lab as pf
from pforge_lab.errors import StepError, WrongValue
from pforge_lab.runs.growth import REMAINDER, Growth, Slope

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere freed memory is not returned in full")

LEAKING = """
    import json, sys
    import numpy as np, pandas as pd
    import pforge_lab as pf

    kept = []
    def rows(n: int):
        if sys.argv[1] == "array":
            kept.append(np.ones(12_500))
        if sys.argv[1] == "objects":
            kept.append([float(i) for i in range(2_500)])
        frame = pd.DataFrame({"a": np.random.default_rng(0).random(n), "b": [f"x{i}" for i in range(n)]})
        return frame.sort_values("a")
    def summary(rows): return rows.groupby("b").a.mean().describe().to_dict()

    growth = pf.Pipeline.from_functions("daily", rows, summary).repeat(60, {"n": 20_000})
    print(json.dumps([growth.leaks, growth.verdict, growth.table.set_index("variable").T.to_dict()]))
"""


def watched(scripts, kind):
    leaks, verdict, table = json.loads(scripts.run("leak.py", LEAKING, kind)[-1])
    return leaks, verdict, table


@linux
@pytest.mark.parametrize("kind", ["array", "objects"])
def test_a_leak_of_100_kb_a_time_is_found(scripts, kind):
    leaks, verdict, table = watched(scripts, kind)
    assert leaks, table
    assert verdict.startswith("daily grows with every repetition (of 60): what is in no variable by ")
    assert table[REMAINDER]["growth"] == pytest.approx(100_000, rel=0.15)
    assert table[REMAINDER]["standard_error"] < 20_000


@linux
def test_a_tool_that_leaks_nothing_is_told_so(scripts):
    leaks, verdict, table = watched(scripts, "nothing")
    assert not leaks, table
    assert "daily does not grow with repetitions (of 60)" in verdict


def test_what_is_carried_on_and_grows_is_named():
    def log(log: list, n: int):
        return [*log, bytes(n)]

    pipeline = pf.Pipeline("journal", params={"log": "array", "n": "integer"}, steps=[
        pf.Step(log, input={"log": "{{ log }}", "n": "{{ n }}"}, output_var="log"),
    ])  # fmt: skip
    growth = pipeline.repeat(inputs={"log": [], "n": 100_000}, carry=True)
    assert growth.slopes["log"].growth == pytest.approx(100_000, rel=0.01)
    assert growth.slopes["log"].certain
    assert growth.slopes["n"].growth == 0
    assert "log by 100 ± 0 kB" in growth.verdict


def test_fewer_than_50_repetitions_are_refused():
    with pytest.raises(WrongValue, match="over at least 50 repetitions, not 10"):
        pf.Pipeline("nothing", steps=[]).repeat(10)


def test_a_failing_step_is_told():
    def divide(n: int):
        return 1 / n

    with pytest.raises(StepError, match="step 1 'divide' failed: ZeroDivisionError"):
        pf.Pipeline.from_functions("dividing", divide).repeat(inputs={"n": 0})


@given(st.floats(-1e6, 1e6), st.lists(st.floats(-1e3, 1e3), min_size=50, max_size=80))
def test_the_slope_is_found_within_its_noise(growth, noise):
    slope = Slope.of([growth * i + extra for i, extra in enumerate(noise)])
    assert slope.growth == pytest.approx(growth, abs=2e3 + 1e-6 * abs(growth))
    assert slope.least <= slope.growth + 1e-6
    assert slope.error >= 0


def test_a_report_shows_verdict_and_table():
    samples = pd.DataFrame({"repetition": range(50), "resident": [10**8] * 50, "a<b": [10] * 50})
    growth = Growth("day<ly", samples)
    assert repr(growth).splitlines()[0] == growth.verdict
    assert growth.verdict.startswith("day<ly does not grow with repetitions (of 50)")
    assert REMAINDER in repr(growth)
    assert "<p>day&lt;ly does not" in growth._repr_html_()
    assert "a&lt;b" in growth._repr_html_()


def test_a_jump_is_no_leak():
    """Whenever a library is loaded on the way: the growth is not certain."""
    for place in range(50):
        assert not Slope.of([0.0] * place + [5e6] * (50 - place)).certain


def test_a_pipeline_without_a_loop_may_have_more_steps_than_max_steps():
    pipeline = pf.Pipeline("long", steps=[pf.Step(dict, label=f"s{i}") for i in range(3)], max_steps=2)
    assert len(pipeline.repeat().samples) == 50


def test_the_garbage_collector_looks_at_all_objects_again_afterwards():
    """Objects that were put apart for the time of the repetitions are collected as before."""

    def one():
        return 1

    pf.Pipeline.from_functions("one", one).repeat(50)
    assert gc.get_freeze_count() == 0
