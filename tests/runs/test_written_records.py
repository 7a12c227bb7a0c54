"""How records are written: each as what differs from the one before it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, strategies as st

import pforge_lab as pf
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.records import StepRecord, VariableSize

_FIRST = StepRecord(1, 1, "a", "a", "done", datetime(2026, 1, 1, tzinfo=UTC), 0.5)
_sizes = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(VariableSize, st.integers(0, 2), st.integers(0, 2), st.booleans(), st.booleans()),
)


@given(st.lists(_sizes, min_size=2, max_size=6))
def test_sizes_come_back_as_they_were_in_their_order(sequence):
    """Whatever was added, removed, moved or resized between two records."""
    before = None
    for sizes in sequence:
        record = replace(_FIRST, sizes=sizes)
        back = StepRecord.from_json(decoded(encoded(record.to_json(before))), before)
        assert back == record
        assert list(back.sizes) == list(record.sizes)
        before = record


def chain(length):
    """Return a pipeline each of whose steps adds a variable."""
    return pf.Pipeline(
        "chain",
        params={"x0": "integer"},
        steps=[pf.Step(after, input={"x": f"{{{{ x{n} }}}}"}, output_var=f"x{n + 1}") for n in range(length)],
    )


def after(x):
    """Return one more."""
    return x + 1


def test_a_record_takes_no_more_room_however_many_variables_there_are(memory):
    state = pf.open_state(memory)
    run = chain(60).start({"x0": 1000}, state=state)
    run.finish()
    sizes = [
        len(value)
        for value in state.get_many(
            [key for key in state.keys("pforge/run/") if key.endswith("/record")]
        ).values()
    ]
    assert max(sizes) < 1.2 * min(sizes)


def test_records_of_all_lines_come_back_in_another_process(scripts, tmp_path):
    """Differences are to the record before on the way there, which may be on another line."""
    place = str(tmp_path / "lab.fs")
    with pf.open_state(place) as state:
        run = chain(6).start({"x0": 1000}, state=state, drop_unused=True)
        run.step(4)
        run.goto(2)
        run.set(x2=[1, 2, 3], extra="text")
        run.set(x2=5000)
        run.finish()
        sizes = {
            line: [
                {name: [size.bytes, size.reach, size.approx] for name, size in record.sizes.items()}
                for record in run.line_records
            ]
            for line in range(2)
            for _ in [run.switch(line)]
        }
    printed = scripts.run(
        "reopen.py",
        f"""
        import json, pforge_lab as pf
        run = pf.open_run(state={place!r})
        for line in range(2):
            run.switch(line)
            print(json.dumps([
                {{name: [size.bytes, size.reach, size.approx] for name, size in record.sizes.items()}}
                for record in run.line_records
            ]))
        """,
    )
    assert [json.loads(line) for line in printed] == [sizes[0], sizes[1]]


def test_what_was_printed_that_is_no_unicode_is_kept(memory):
    def shout():
        print("caf\udce9.csv")

    run = pf.Pipeline.from_functions("p", shout).start(state=memory)
    run.finish()
    [line] = pf.open_run(run.id, state=memory).history[0].logs
    assert line.text == "caf\udce9.csv"
