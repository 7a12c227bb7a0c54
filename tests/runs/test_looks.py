"""Deeper looks: settled runs, exact sizes, traces of who allocated; and advice that comes true."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest

import pforge_lab as pf
from pforge_lab.errors import RunError, UsageError, WrongValue
from tests.programs import module

MB = 10**6
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs exact peaks and malloc_trim")
posix = pytest.mark.skipif(sys.platform == "win32", reason="memray runs on Linux and macOS")


def pieces(n: int):
    """Keep a few of many small arrays: what was between them is freed, but not returned."""
    arrays = [np.ones(2_500) for _ in range(n)]
    return arrays[:: n // 4] + arrays[-1:]


def few(pieces):
    return len(pieces)


@pytest.fixture
def pipeline():
    """Return a pipeline whose first step leaves freed memory behind."""
    return pf.Pipeline.from_functions("pieces", pieces, few)


SETTLED = """
    import json
    import numpy as np
    import pforge_lab as pf

    def pieces(n: int):
        arrays = [np.ones(2_500) for _ in range(n)]
        return arrays[:: n // 4] + arrays[-1:]
    def few(pieces): return len(pieces)

    run = pf.Pipeline.from_functions("pieces", pieces, few).start({"n": 4_000}, state="memory:", memory="settle")
    run.finish()
    print(json.dumps([record.memory._asdict() for record in run.history]))
"""


@linux
def test_a_settled_run_holds_no_freed_memory(scripts):
    first, second = json.loads(scripts.run("settled.py", SETTLED)[-1])
    assert first["settled"]
    assert second["settled"]
    assert first["peak"] - first["after"] > 60 * MB
    assert second["before"] - first["before"] < 20 * MB


def test_without_settling_the_record_says_so(pipeline, memory):
    run = pipeline.start({"n": 4_000}, state=memory)
    assert not run.step().memory.settled


def test_a_single_step_can_be_settled(pipeline, memory):
    run = pipeline.start({"n": 4_000}, state=memory)
    assert run.step(memory="settle").memory.settled
    assert not run.step().memory.settled


def test_looks_are_kept_with_the_run(pipeline, tmp_path):
    """Opened again, and forked, a run goes on looking as it was started."""
    place = str(tmp_path / "lab.fs")
    with pf.open_state(place) as state:
        run = pipeline.start({"n": 40}, state=state, memory=["settle"])
        name = run.id
        assert run.fork().step().memory.settled
    del run
    with pf.open_state(place) as state:
        assert pf.open_run(name, state=state).step().memory.settled


def test_an_unknown_look_is_refused_before_anything_is_stored(pipeline, memory):
    with pytest.raises(WrongValue, match="no look at memory 'setle', did you mean 'settle'"):
        pipeline.start({"n": 4}, state=memory, memory="setle")
    assert pf.runs(state=memory).empty
    run = pipeline.start({"n": 4}, state=memory)
    with pytest.raises(WrongValue, match="'exakt', did you mean 'exact'"):
        run.step(memory=["settle", "exakt"])
    assert run.position == 0


def many(n: int):
    return [{"number": number, "half": number / 2} for number in range(n)]


def test_an_exact_look_samples_nothing(memory):
    run = pf.Pipeline("dicts", steps=[pf.Step(many, input={"n": "{{ n }}"}, output_var="rows")]).start(
        {"n": 60_000}, state=memory
    )
    assert run.step().sizes["rows"].approx
    run.back()
    size = run.step(memory="exact").sizes["rows"]
    rows = many(60_000)
    floats = sum(sys.getsizeof(row["half"]) + 8 & ~15 for row in rows)
    ints = sum(sys.getsizeof(row["number"]) + 15 & ~15 for row in rows[257:])
    dicts = sum(sys.getsizeof(row) + 15 & ~15 for row in rows)
    assert not size.approx
    assert size.bytes == pytest.approx(dicts + ints + floats + sys.getsizeof(rows), rel=0.02)


@posix
def test_a_trace_names_who_allocated(memory, tmp_path, monkeypatch):
    module("memray")
    monkeypatch.chdir(tmp_path)

    def work(n: int):
        kept = bytearray(n)
        dropped = bytearray(n // 2)
        del dropped
        return len(kept)

    run = pf.Pipeline.from_functions("work", work).start({"n": 40 * MB}, state=memory)
    record = run.step(memory="trace")
    trace = run.trace()
    largest = trace.table.iloc[0]
    assert largest["function"] == "work"
    assert largest["bytes"] == pytest.approx(40 * MB, rel=0.01)
    assert record.memory.trace == str(trace.path)
    page = trace.flamegraph(tmp_path / "work.html").read_text(encoding="utf-8")
    assert "work" in page
    assert not re.search(r"<(script|link)[^>]*(src|href)=.?http", page)
    assert "work" in repr(trace)
    assert "work" in trace._repr_html_()


def test_a_step_that_was_not_traced_says_what_to_do(pipeline, memory):
    run = pipeline.start({"n": 40}, state=memory)
    with pytest.raises(RunError, match="nothing was stepped at position 0"):
        run.trace()
    run.step()
    with pytest.raises(
        RunError, match=r"'pieces' was not traced; go to before it with run\.goto\(0\).*memory='trace'"
    ):
        run.trace()


def test_tracing_without_memray_says_what_to_install(pipeline, memory, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'pforge_lab\[trace\]'"):
        pipeline.start({"n": 40}, state=memory, memory="trace")


SEVEN_STEPS = """
    import json, sys
    import numpy as np, pandas as pd
    import pforge_lab as pf

    def raw(rows: int):
        return pd.DataFrame({f"c{k}": np.random.default_rng(k).random(rows) for k in range(8)})
    def tidy(raw): return raw[raw["c0"] > 0.001].reset_index(drop=True)
    def X(tidy): return np.column_stack([tidy.to_numpy(), tidy["c0"] ** 2])
    def test(tidy): return np.arange(len(tidy)) % 5 == 0
    def model(X):
        scaled = X - X.mean(axis=0)
        return np.linalg.eigh(scaled.T @ scaled)[1]
    def pred(X, model): return X @ model[:, -1]
    def answer(pred, tidy): return float(np.corrcoef(pred, tidy["c1"])[0, 1])

    pipeline = pf.Pipeline.from_functions("seven", raw, tidy, X, test, model, pred, answer)
    run = pipeline.start({"rows": int(sys.argv[1])}, state="memory:", drop_unused=sys.argv[2] == "drop",
                         memory="settle" if "settle" in sys.argv[3:] else None)
    run.finish()
    advice = run.advise()
    print(json.dumps({"peak": int(run.memory["peak"].max()), "answer": run["answer"], "left": sorted(run.variables),
                      "advice": json.loads(advice.to_json(orient="records"))}))
"""


@linux
def test_the_advice_for_seven_steps_comes_true(scripts, heavy):
    """A settled run predicts, within 5 %, the peak of the same run when it drops; the answer is the same."""
    rows = str(max(600_000, heavy(2_600_000)))
    kept = json.loads(scripts.run("seven.py", SEVEN_STEPS, rows, "keep", "settle")[-1])
    dropped = json.loads(scripts.run("seven.py", None, rows, "drop", "settle")[-1])
    (first, *_) = kept["advice"]
    assert first["variables"] == "raw"
    assert (
        "raw is dead after step 2 (tidy); dropping it and returning freed memory takes the peak"
        in first["advice"]
    )
    assert kept["advice"][-1]["peak_after"] == pytest.approx(dropped["peak"], rel=0.05)
    assert dropped["peak"] < 0.95 * kept["peak"]
    assert dropped["answer"] == kept["answer"]
    assert "raw" not in dropped["left"]


@linux
def test_unsettled_advice_promises_no_more_than_up_to(scripts):
    kept = json.loads(scripts.run("seven.py", SEVEN_STEPS, "600000", "keep")[-1])
    assert "by up to" in kept["advice"][0]["advice"]
