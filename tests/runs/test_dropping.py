"""Dropping what no later step reads: it changes no result, and nothing that is read is missing."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import pforge_lab as pf
from pforge_lab.errors import VariableNotFound
from pforge_lab.runs.dropping import dead_after_steps

_stores = count()
NAMES = ("a", "b", "c", "d", "e", "item")


def mix(values, salt):
    """Return a short list that depends on all that was read; fail for some."""
    total = salt + sum(sum(value) if isinstance(value, list) else value for value in values)
    if total % 7 == 3:
        raise ValueError(f"unlucky {total}")
    return [total % 5, total % 3]


INNER = {
    "name": "inner",
    "type": "pipeline",
    "params": {"a": {"type": "any"}},
    "steps": [
        {"tool": "mix", "input": {"values": ["{{ a }}"], "salt": 1}, "output_var": "b", "condition": "a.0"},
        {"tool": "mix", "input": {"values": ["{{ a }}"], "salt": 2}, "output_var": "c", "error_policy": "continue"},
    ],
}  # fmt: skip


@st.composite
def steps(draw, defined, outputs=NAMES):
    """Return one step that reads, in its input, names that are surely defined; conditions name anything."""
    fields = {"output_var": draw(st.sampled_from(outputs))} if draw(st.booleans()) else {}
    known = sorted(defined)
    shape = draw(st.sampled_from(("plain", "plain", "foreach", "nested")))
    read = draw(st.lists(st.sampled_from(known), max_size=2))
    values = [f"{{{{ {name} }}}}" for name in read]
    if shape == "nested":
        fields |= {"tool": "inner", "input": {"a": f"{{{{ {draw(st.sampled_from(known))} }}}}"}}
    else:
        fields |= {"tool": "mix", "input": {"values": values, "salt": draw(st.integers(0, 20))}}
    if shape == "foreach":
        fields |= {"foreach": "{{ a }}", "as": "item"}
        fields["input"]["values"] = [*values, "{{ item }}"]
    if draw(st.booleans()):
        condition = st.sampled_from([*NAMES, *(f"!{name}" for name in NAMES), "a.0 > 1", "b and not c"])
        fields["condition"] = draw(condition)
    fields["error_policy"] = draw(st.sampled_from(("continue", "continue", "fail_fast")))
    return fields


def surely(step):
    """Return what a step writes whatever happens: its output is a list, of numbers for plain calls only."""
    plain = step.get("tool") == "mix" and "foreach" not in step
    if plain and "condition" not in step and step["error_policy"] == "fail_fast" and "output_var" in step:
        return {step["output_var"]}
    return set()


@st.composite
def pipelines(draw):
    """Return a pipeline of conditions, shadowing, parallel blocks, loops and nested pipelines."""
    defined, listed = {"a", "b"}, []
    for _ in range(draw(st.integers(1, 7))):
        if draw(st.integers(0, 3)):
            step = draw(steps(defined))
            listed.append(step)
            defined |= surely(step)
        else:
            block = [draw(steps(defined, outputs)) for outputs in (("c", "d"), ("b", "e"))]
            listed.append(
                {"parallel": block, "condition": "a"} if draw(st.booleans()) else {"parallel": block}
            )
        written = {part.get("output_var") for part in listed[-1].get("parallel", listed[-1:])}
        if written & {"a", "b"}:
            defined -= {"a", "b"} & written - surely(listed[-1])
            defined |= {"a"}  # foreach goes over it
    return pf.Pipeline.from_dict(
        {
            "name": "random",
            "params": {"a": "any", "b": "any"},
            "tools": [INNER],
            "steps": listed,
            "keep": draw(st.lists(st.sampled_from(("c", "d")), max_size=1)),
        },
        functions={"mix": mix},
    )


def outcome(pipeline, *, drop_unused):
    """Return what a run of the pipeline did and left: records, outputs, variables."""
    run = pipeline.start(
        {"a": [1, 2], "b": [5]}, state=f"memory:drop-{next(_stores)}", drop_unused=drop_unused
    )
    try:
        run.finish()
    except pf.StepError as error:
        failure = str(error.__cause__)
    else:
        failure = None
    records = [
        (record.label, record.status, record.error, record.attempts, record.children)
        for record in run.history
    ]
    outputs = [(result.success, result.error, repr(result.output)) for result in run.results]
    return run, failure, [_plain(record) for record in records], outputs, dict(run.variables.present())


def _plain(record):
    label, status, error, attempts, children = record
    return label, status, error, attempts, [(child.label, child.status, child.error) for child in children]


def test_dropping_changes_no_result(heavy):
    """Over random pipelines: the same records, errors and outputs; only what was read and is no result is gone."""

    @settings(
        max_examples=heavy(1500),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(pipelines())
    def check(pipeline):
        _, failure, records, outputs, variables = outcome(pipeline, drop_unused=False)
        run, *same, left = outcome(pipeline, drop_unused=True)
        assert same == [failure, records, outputs]
        assert left == {name: value for name, value in variables.items() if name in left}
        gone = variables.keys() - left.keys()
        assert not gone & {*pipeline.keep}
        for name in gone:
            assert run.at(_last_place(run, name)).variables[name] == variables[name]
            written = [i for i in range(len(pipeline.steps)) if name in pipeline.writes(i)]
            assert any(
                name in pipeline.reads(i) for i in range(max(written, default=-1) + 1, len(pipeline.steps))
            )

    check()


def _last_place(run, name):
    """Return the position that the error for a dropped name points at."""
    with pytest.raises(VariableNotFound, match=r"run\.at\(\d+\)") as caught:
        run[name]
    return int(str(caught.value).split("run.at(")[1].split(")")[0])


def numbers():
    def raw(n: int):
        return list(range(n))

    def tidy(raw):
        return raw[1:]

    def total(tidy):
        return sum(tidy)

    return pf.Pipeline.from_functions("sum", raw, tidy, total)


def test_going_back_brings_a_dropped_variable_back(memory):
    run = numbers().start({"n": 4}, state=memory, drop_unused=True)
    run.finish()
    assert sorted(run.variables) == ["tidy", "total"]
    run.goto("raw")
    assert run["raw"] == [0, 1, 2, 3]
    assert run.finish().variables["total"] == 6


def test_a_dropped_name_says_where_it_still_is(memory):
    run = numbers().start({"n": 4}, state=memory, drop_unused=True)
    run.step(2)
    with pytest.raises(
        VariableNotFound, match=r"no variable 'raw' at position 2; it was dropped .*run\.at\(1\)\['raw'\]"
    ):
        run["raw"]
    assert run.at(1)["raw"] == [0, 1, 2, 3]


def test_carried_names_are_not_dropped(memory):
    """The next run under the name starts with them: what the first was given, and what is read before it is written."""
    steps = [
        {"tool": "mix", "input": {"values": ["{{ seed }}"], "salt": 0}, "output_var": "state"},
        {"tool": "mix", "input": {"values": ["{{ state }}"], "salt": 0}, "output_var": "result"},
        {"tool": "mix", "input": {"values": ["{{ result }}"], "salt": 0}, "output_var": "shown"},
    ]
    pipeline = pf.Pipeline.from_dict(
        {"name": "carrying", "params": {"seed": "any"}, "steps": steps}, functions={"mix": mix}
    )
    first = pipeline.run({"seed": [1]}, state=memory, carry="lab", drop_unused=True)
    assert sorted(first.variables) == ["result", "seed", "shown"]
    second = pipeline.run(state=memory, carry="lab", drop_unused=True)
    assert second.variables["shown"] == first.variables["shown"]


def test_nothing_is_dead_where_any_step_may_follow_any_other():
    steps = [
        {"tool": "mix", "input": {"values": ["{{ a }}"], "salt": 1}, "output_var": "b"},
        {"tool": "mix", "input": {"values": ["{{ b }}"], "salt": 1}, "next": [{"goto": "end", "if": "b"}]},
        {"tool": "mix", "input": {"values": [], "salt": 1}},
    ]
    pipeline = pf.Pipeline.from_dict({"name": "loop", "steps": steps}, functions={"mix": mix})
    assert dead_after_steps(pipeline) == (frozenset(),) * 3
