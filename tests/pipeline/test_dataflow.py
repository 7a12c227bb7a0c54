"""Who reads and writes what, and what looks wrong."""

from __future__ import annotations

from pforge_lab.pipeline.dataflow import flows, live_after
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
    rows = flows(loads(FLOW))
    assert rows[0].writes == ("source", "limit", "spare")
    assert rows[2].reads == {"limit": ("params",), "raw": ("load",)}
    assert rows[3].reads == {"raw": ("load", "clean")}
    assert rows[5].reads == {"all": ("each",), "n": ("poll",)}
    assert rows[3].last_reader_of == ("raw",)


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
            "can never run: its condition needs 'nowhere', which nothing writes before; there are 'a', 'late', 'r', 'unused'",
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
    """One row for the params and one for each step."""
    table = loads(FLOW).dataflow()
    assert list(table.columns) == ["step", "label", "tool", "reads", "writes", "last_reader_of", "warnings"]
    assert table.label.tolist() == ["params", "load", "clean", "both", "each", "poll", "report"]
    assert table.reads[3] == "raw <- load | clean"
    assert table.warnings[0] == "param 'spare' is never read"


def test_the_drawing():
    """Well-formed, self-contained, and it says in words what it shows."""
    from xml.etree import ElementTree as ET

    graph = loads(FLOW.replace("name: flow", "name: 'a <b> & c'")).graph()
    svg = graph._repr_svg_()
    root = ET.fromstring(svg)
    label = root.get("aria-label")
    assert label.startswith("Data flow of a <b> & c: ")
    assert "load gives raw to clean" in label
    assert len(root.findall(".//{http://www.w3.org/2000/svg}rect")) == 7
    assert svg.count("http") == 1
    lanes = {}
    for edge in graph.edges:
        for row in range(*sorted((edge.source, edge.target))):
            assert lanes.setdefault((edge.lane, row), edge) is edge
