"""Who reads and writes what, and what looks wrong."""

from __future__ import annotations

import pytest

from pforge_lab.pipeline.dataflow import flows
from pforge_lab.pipeline.liveness import live_after
from pforge_lab.pipeline.loader import loads

FLOW = """
name: flow
params: { source: string, limit: { type: integer, default: 3 }, spare: { type: any, default: 1 } }
steps:
  - { tool: "a:load", label: load, input: { source: "{{ source }}" }, output_var: raw }
  - { tool: "a:clean", label: clean, input: { raw: "{{ raw }}" }, condition: "raw | length > limit", output_var: raw }
  - parallel:
      - { tool: "a:x", input: { raw: "{{ raw }}" }, output_var: x }
      - { tool: "a:y", input: { raw: "{{ raw.rows }}" }, output_var: y }
    label: both
  - { tool: "a:each", label: each, foreach: "{{ x.pages }}", as: page, input: { page: "{{ page }}", y: "{{ y }}" }, output_var: all }
  - { tool: "a:poll", label: poll, input: { n: "{{ n | default(0) }}" }, output_var: n, next: [{ if: "n < all", goto: poll }] }
  - { tool: "a:report", label: report, output_var: report }
"""


def test_reads_and_writes_of_every_form():
    """Templates, conditions, loops, blocks and transitions; loop variables are the step's own."""
    pipeline = loads(FLOW)
    assert [sorted(pipeline.reads(i)) for i in range(6)] == [
        ["source"], ["limit", "raw"], ["raw"], ["x", "y"], ["all", "n"], [],
    ]  # fmt: skip
    assert [sorted(pipeline.writes(i)) for i in range(6)] == [
        ["raw"],
        ["raw"],
        ["x", "y"],
        ["all"],
        ["n"],
        ["report"],
    ]


def test_sources_of_a_name():
    """A store that may not happen leaves the one before it in place."""
    rows = {row.label: row for row in flows(loads(FLOW))}
    assert rows["params"].writes == ("source", "limit", "spare")
    assert rows["clean"].reads == {"limit": ("params",), "raw": ("load",)}
    assert rows["both"].reads == {"raw": ("load", "clean")}
    assert rows["poll"].reads == {"all": ("each",), "n": ("poll",)}
    assert rows["both"].last_reader_of == ("raw",)


def test_liveness_follows_loops_and_conditions():
    """A name is alive while any way leads to a reader; a conditional store does not end it."""
    assert [sorted(names) for names in live_after(loads(FLOW))] == [
        ["limit", "n", "raw"], ["n", "raw"], ["n", "x", "y"], ["all", "n"], ["all", "n"], [],
    ]  # fmt: skip
    text = """
name: x
steps:
  - { tool: "a:b", label: begin, output_var: v }
  - { tool: "a:b", label: use, input: { v: "{{ v }}" }, output_var: w }
  - { tool: "a:b", label: again, next: [{ if: "w", goto: use }] }
"""
    assert [sorted(names) for names in live_after(loads(text))] == [["v"], ["v", "w"], ["v"]]


def test_warnings():
    """Never read, read before it can exist, written by nobody, and steps that can never run."""
    text = """
name: w
params: { a: string, unused: { type: any, default: 1 } }
steps:
  - { tool: "a:b", label: one, input: { x: "{{ late }}" }, output_var: r }
  - { tool: "a:b", label: two, input: { x: "{{ aa }}" }, output_var: late }
  - { tool: "a:b", label: three, condition: "nowhere.x", output_var: late }
  - { tool: "a:b", label: four, condition: "1 > 2" }
  - { tool: "a:b", label: five, next: end }
  - { tool: "a:b", label: six }
"""
    told = {row.label: row.warnings for row in flows(loads(text))}
    assert told == {
        "params": ("param 'a' is never read", "param 'unused' is never read"),
        "one": (
            "reads 'late' before it can exist: 'two' writes it later",
            "'r' is never read: a result, or not needed",
        ),
        "two": ("reads 'aa', which nothing writes, did you mean 'a'?",),
        "three": (
            "can never run: its condition 'nowhere.x' never holds, as nothing writes 'nowhere' before; there are 'a', 'late', 'r', 'unused'",
        ),
        "four": ("can never run: its condition '1 > 2' never holds",),
        "five": (),
        "six": ("can never run: no step leads to it",),
    }


def test_no_warnings_without_reason():
    """``!name`` of what was never written holds; kept names are results; without declared params anything may be given."""
    text = """
name: x
keep: [a]
steps:
  - { tool: "a:b", label: one, input: { x: "{{ given }}" }, condition: "!nowhere", output_var: a }
  - { tool: "a:b", label: two, condition: "flag" }
"""
    assert [row.warnings for row in flows(loads(text))] == [(), (), ()]


def test_the_table():
    """One row for the params, one for each step, and one for each part of a block or a loop."""
    table = loads(FLOW).dataflow()
    assert list(table.columns) == ["step", "label", "tool", "reads", "writes", "last_reader_of", "warnings"]
    assert table.label.tolist() == [
        "params", "load", "clean", "both", "both/a:x", "both/a:y", "each", "each[i]", "poll", "report",
    ]  # fmt: skip
    assert table.step.tolist() == [0, 1, 2, 3, 3, 3, 4, 4, 5, 6]
    assert table.reads[3] == "raw <- load | clean"
    assert table.warnings[0] == "param 'spare' is never read"
    assert table.reads.tolist()[5:8] == [
        "raw <- load | clean",
        "x <- both, y <- both",
        "page <- each, y <- both",
    ]
    assert table.writes.tolist()[3:6] == ["x, y", "x", "y"]


NESTED = """
name: outer
params: {}
tools:
  - type: pipeline
    name: inner
    params: { q: any }
    steps:
      - { tool: "builtins:len", input: { obj: "{{ qq }}" }, output_var: dead }
      - { tool: "builtins:len", label: kept, input: { obj: "ab" }, output_var: live }
      - { tool: "builtins:len", label: last, condition: "1 > 2" }
steps:
  - { tool: inner, label: n, input: { q: 1 }, output_var: out }
  - { tool: "a:b", label: use, input: { x: "{{ out.variables.live }}" } }
"""


def test_the_steps_of_a_nested_pipeline_have_rows_of_their_own():
    """Below the step that calls it, with its params, and what each of them reads and writes there."""
    table = loads(NESTED).dataflow()
    assert table.label.tolist() == [
        "params", "n", "n/params", "n/builtins:len", "n/kept", "n/last", "use",
    ]  # fmt: skip
    assert table.step.tolist() == [0, 1, 1, 1, 1, 1, 2]
    assert table.reads.tolist()[3:] == ["qq <- ?", "", "", "out <- n"]
    assert table.writes.tolist()[1:5] == ["out", "q", "dead", "live"]


def test_what_looks_wrong_inside_a_nested_pipeline_is_told_there():
    """A variable that is read in what it hands back is read."""
    told = {row.label: row.warnings for row in flows(loads(NESTED)) if row.warnings}
    assert told == {
        "n/params": ("param 'q' is never read",),
        "n/builtins:len": (
            "reads 'qq', which nothing writes, did you mean 'q'?",
            "'dead' is never read: a result, or not needed",
        ),
        "n/last": ("can never run: its condition '1 > 2' never holds",),
    }


@pytest.mark.parametrize(
    "step",
    [
        '{ tool: "a:b", input: { x: "{{ out }}" } }',
        '{ tool: "a:b", input: { x: "{{ out.results.0.output }}" } }',
        '{ tool: "a:b", condition: "out.variables.dead > 1" }',
        '{ tool: "a:b", input: { x: "{{ out.variables | length }}" } }',
    ],
)
def test_what_a_nested_pipeline_hands_back_whole_is_read_whole(step):
    """Then none of its variables is said to be read never."""
    text = NESTED.partition('  - { tool: "a:b"')[0] + f"  - {step}\n"
    rows = {row.label: row.warnings for row in flows(loads(text))}
    assert rows["n/builtins:len"] == ("reads 'qq', which nothing writes, did you mean 'q'?",)


def test_a_pipeline_that_is_called_twice_is_shown_once():
    """So that the rows stay as many as what is written, however pipelines call each other."""
    tools = "".join(
        f"  - {{ type: pipeline, name: p{k}, steps: [{{ tool: p{k - 1} }}, {{ tool: p{k - 1} }}] }}\n"
        for k in range(1, 40)
    )
    text = f'tools:\n  - {{ type: pipeline, name: p0, steps: [{{ tool: "a:b" }}] }}\n{tools}steps: [{{ tool: p39 }}]'
    assert len(flows(loads(text, name="p"))) == 2 + 39 * 3 + 2


def test_pipelines_nested_deeper_than_any_stack_reaches():
    """Are told of as far as they could be executed."""
    tools = "".join(
        f"  - {{ type: pipeline, name: p{k}, steps: [{{ tool: p{k - 1} }}] }}\n" for k in range(1, 130)
    )
    text = f'tools:\n  - {{ type: pipeline, name: p0, steps: [{{ tool: "a:b" }}] }}\n{tools}steps: [{{ tool: p129 }}]'
    assert 200 < len(flows(loads(text, name="p"))) < 250


def test_the_drawing():
    """Well-formed, self-contained, and it says in words what it shows."""
    from xml.etree import ElementTree as ET

    graph = loads(FLOW.replace("name: flow", "name: 'a <b> & c'")).graph()
    svg = graph._repr_svg_()
    root = ET.fromstring(svg)
    label = root.get("aria-label")
    assert label.startswith("Data flow of a <b> & c: ")
    assert "load gives raw to clean" in label
    assert len(root.findall(".//{http://www.w3.org/2000/svg}rect")) == 10
    assert svg.count("http") == 1
    lanes = {}
    for edge in graph.edges:
        for row in range(*sorted((edge.source, edge.target))):
            assert lanes.setdefault((edge.lane, row), edge) is edge


def test_the_drawing_of_parts():
    """They stand to the right of what they are part of, and an arc to a block stands for those to its steps."""
    graph = loads(FLOW).graph()
    shown = [(graph.rows[e.source].label, e.name, graph.rows[e.target].label) for e in graph.edges]
    assert ("load", "raw", "both") in shown
    assert not any(target.startswith("both/") for _, _, target in shown)
    assert ("each", "page", "each[i]") in shown
    assert '<rect x="8"' in graph.to_svg()
    assert '<rect x="26"' in graph.to_svg()
