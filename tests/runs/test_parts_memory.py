"""Parts of nested, parallel and foreach steps have peaks of their own, and say where they share one."""

from __future__ import annotations

import json
import sys
import threading

import pytest

import pforge_lab as pf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs exact peaks")

HEAD = """
    import json, mmap, threading
    import pforge_lab as pf

    def touch(megabytes):
        with mmap.mmap(-1, megabytes * 10**6 + 1) as block:
            for start in range(0, megabytes * 10**6, mmap.PAGESIZE):
                block[start] = 1
        return megabytes

    together = threading.Barrier(2)
    def beside(megabytes):
        together.wait()
        touch(megabytes)
        together.wait()
        return megabytes

    def rises(record):
        return [[child.label, (child.memory.peak - child.memory.before) / 10**6, child.memory.shared, child.memory.exact,
                 rises(child)] for child in record.children]

    def show(pipeline, **inputs):
        run = pipeline.start(inputs, state="memory:")
        record = run.step()
        assert type(record).from_json(record.to_json()) == record
        print(json.dumps([(record.memory.peak - record.memory.before) / 10**6, record.memory.shared, rises(record)]))
"""


def shown(scripts, code):
    return json.loads(scripts.run("parts.py", HEAD + code)[-1])


def test_each_element_of_a_loop_has_its_own_peak(scripts):
    whole, shared, parts = shown(
        scripts,
        """
    show(pf.Pipeline("loop", params={"sizes": "array"}, steps=[
        pf.Step(touch, input={"megabytes": "{{ n }}"}, foreach="{{ sizes }}", as_="n")]), sizes=[10, 100, 1])
    """,
    )
    assert whole == pytest.approx(100, abs=2)
    assert not shared
    assert [rise for _, rise, *_ in parts] == pytest.approx([10, 100, 1], abs=2)
    assert not any(shared for _, _, shared, *_ in parts)


def test_parts_side_by_side_share_a_peak_and_say_so(scripts):
    whole, shared, parts = shown(
        scripts,
        """
    show(pf.Pipeline("block", steps=[pf.Parallel(
        pf.Step(beside, label="large", input={"megabytes": 100}), pf.Step(beside, label="small", input={"megabytes": 1}))]))
    """,
    )
    assert whole == pytest.approx(101, abs=3)
    assert not shared
    assert [label for label, *_ in parts] == ["large", "small"]
    assert all(shared for _, _, shared, *_ in parts)
    assert min(rise for _, rise, *_ in parts) > 97


def test_a_nested_pipeline_has_a_peak_for_every_step_however_deep(scripts):
    whole, _, parts = shown(
        scripts,
        """
    inner = {"name": "inner", "type": "pipeline", "params": {"n": "integer"}, "steps": [
        {"tool": "touch", "label": "small", "input": {"megabytes": 1}},
        {"tool": "touch", "label": "large", "input": {"megabytes": "{{ n }}"}}]}
    outer = {"name": "outer", "type": "pipeline", "params": {"n": "integer"},
             "steps": [{"tool": "inner", "input": {"n": "{{ n }}"}}, {"tool": "touch", "input": {"megabytes": 30}}]}
    show(pf.Pipeline.from_dict({"name": "deep", "tools": [inner, outer], "steps": [{"tool": "outer", "input": {"n": 80}}]},
                               functions={"touch": touch}))
    """,
    )
    assert whole == pytest.approx(80, abs=2)
    (inner, after) = parts
    assert inner[1] == pytest.approx(80, abs=2)
    assert after[1] == pytest.approx(30, abs=2)
    assert [rise for _, rise, *_ in inner[4]] == pytest.approx([1, 80], abs=2)
    assert not any(part[2] for part in (inner, after, *inner[4]))


def test_a_part_that_failed_was_measured_too(memory):
    def fail(n: int):
        raise ValueError(n)

    pipeline = pf.Pipeline("block", steps=[
        pf.Step(fail, input={"n": "{{ n }}"}, foreach=[1, 2], as_="n", error_policy="continue")])  # fmt: skip
    record = pipeline.start(state=memory).step()
    assert [child.status for child in record.children] == ["failed", "failed"]
    assert all(child.memory is not None for child in record.children)


def test_the_record_shows_the_peaks_of_its_parts(memory):
    pipeline = pf.Pipeline("loop", steps=[
        pf.Step(len, label="sizes", input={"obj": "{{ text }}"}, foreach=["a", "bc"], as_="text", output_var="n")])  # fmt: skip
    text = str(pipeline.start(state=memory).step())
    assert "Peak MB" in text.partition("Parts of sizes")[2]


def test_the_table_of_parts_says_which_peaks_are_shared(memory):
    together = threading.Barrier(2)
    steps = [pf.Step(together.wait, label=name) for name in "ab"]
    text = str(pf.Pipeline("block", steps=[pf.Parallel(*steps)]).start(state=memory).step())
    assert text.partition("Parts of")[2].count("shared") == 2
