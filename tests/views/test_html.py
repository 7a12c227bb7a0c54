"""HTML of runs, records, variables and values: safe, self-contained, readable without its style."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from pforge_lab.meter import Reading
from pforge_lab.runs.glances import StepPlan, VariableRow
from pforge_lab.runs.records import LogLine, StepRecord, VariableSize
from pforge_lab.views import html, text
from pforge_lab.views.html_blocks import stylesheet

TAGS = {
    "div", "style", "p", "span", "strong", "code", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "details", "summary", "pre", "ul", "li",
}  # fmt: skip
ATTRIBUTES = {
    "class", "scope", "align", "colspan", "cellpadding", "aria-current", "aria-hidden", "aria-label", "role",
    "style", "open", "tabindex",
}  # fmt: skip
MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></table>",
    "<!--",
    "&lt;",
    "\x1b[31m",
    "\ud800",
]

anything = (
    st.text(max_size=30) | st.sampled_from(MARKUP) | st.text("<>&\"'/=! scriptmg\x00\n\u202e", max_size=30)
)
labels = st.tuples(anything).map(tuple) | st.tuples(anything, anything)
memories = st.builds(
    Reading,
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    anything,
    st.booleans(),
)
moments = st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 2))  # noqa: DTZ001 - the bound is naive
records = st.builds(
    StepRecord,
    index=st.integers(1, 9), step=st.integers(1, 9) | st.none(), label=anything, tool=anything,
    status=st.sampled_from(["done", "failed", "skipped", "edited"]), started=moments,
    seconds=st.floats(0, 1e6), attempts=st.integers(0, 3), error=anything | st.none(), traceback=anything | st.none(),
    output_var=anything | st.none(), changed=labels, memory=memories | st.none(), sizes=st.just({}),
    logs=st.tuples(st.builds(LogLine, anything, anything)), children=st.just(()), code=st.none(),
    not_kept=st.dictionaries(anything, anything, max_size=2),
)  # fmt: skip
variables = st.builds(
    VariableRow, anything, anything, anything,
    st.builds(VariableSize, st.integers(0, 10**12), st.integers(0, 10**12), st.booleans()) | st.none(),
    anything, anything,
)  # fmt: skip
values = st.recursive(
    anything | st.none() | st.floats() | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    max_leaves=10,
)


def check(markup, read_html):
    """Only our own tags and attributes, properly nested, and encodable."""
    seen = read_html(markup)
    assert set(seen.tags) <= TAGS
    assert seen.open == []
    assert {name for _, name, _ in seen.attributes} <= ATTRIBUTES
    markup.encode("utf-8")
    return seen


@settings(deadline=None)
@given(drawn=records)
def test_nothing_in_a_record_becomes_markup(drawn, read_html, words_of):
    """Labels, errors, logs and names are shown as they are, and text shows the same."""
    seen = check(html.record_html(drawn), read_html)
    assert seen.words == words_of(text.record_text(drawn))


@settings(deadline=None)
@given(drawn=st.lists(records, max_size=4), rows=st.lists(variables, max_size=3), name=anything, stale=labels)
def test_nothing_in_a_run_becomes_markup(drawn, rows, name, stale, *, samples, read_html, words_of):
    """Ids, places, params, labels and previews are shown as they are, and text shows the same."""
    summary = replace(samples.summary, id=name, pipeline=name, place=name, params={name: name}, error=name)
    plan = (StepPlan(12, name, name, name, name),)
    view = replace(
        samples.run, summary=summary, records=tuple(drawn), variables=tuple(rows), stale=stale, plan=plan
    )
    for form, plain in (
        (html.run_html(view), text.run_text(view)),
        (html.runs_html([summary, summary]), text.runs_text([summary, summary])),
        (html.variables_html(rows, title=name), text.variables_text(rows, title=name)),
    ):
        assert check(form, read_html).words == words_of(plain)


@settings(deadline=None)
@given(value=values, name=anything)
def test_nothing_in_a_value_becomes_markup(value, name, read_html, words_of):
    """Keys, text and the variable's name are shown as they are, and text shows the same."""
    seen = check(html.preview_html(value, name), read_html)
    assert seen.words == words_of(text.preview_text(value, name))


@settings(deadline=None)
@given(drawn=st.lists(st.tuples(anything, anything, anything, values), max_size=3))
def test_nothing_in_a_frame_becomes_markup(drawn, read_html, words_of):
    """Cells and column names of frames and diffs are shown as they are, and text shows the same."""
    frame = pd.DataFrame(drawn, columns=["variable", "change", "before", "after"], dtype=object)
    seen = check(html.diff_html(frame), read_html)
    assert seen.words == words_of(text.diff_text(frame))


@settings(deadline=None)
@given(name=anything, cell=values)
def test_nothing_in_the_head_of_a_frame_becomes_markup(name, cell, read_html, words_of):
    """Column names, index and cells are shown as they are, and text shows the same."""
    frame = pd.DataFrame({"x": pd.Series([cell], dtype=object)})
    frame.columns = frame.index = pd.Index([name], dtype=object)
    seen = check(html.preview_html(frame, name), read_html)
    assert seen.words == words_of(text.preview_text(frame, name))


@pytest.mark.parametrize("kind", ["run", "failed"])
def test_a_run_without_style_says_what_its_text_says(kind, samples, read_html, words_of):
    """Bars included: both forms are made of the same words."""
    view = getattr(samples, kind)
    assert read_html(html.run_html(view)).words == words_of(text.run_text(view))


def test_status_is_a_word_beside_its_glyph(samples, read_html):
    """Colour and glyph never stand alone, and the glyph is silent to a screen reader."""
    markup = html.run_html(samples.failed)
    for word in ("done", "skipped", "failed", "not run"):
        assert (
            f'aria-hidden="true">{ {"done": "✓", "skipped": "↷", "failed": "✗", "not run": "○"}[word] }</span> {word}<'
            in markup
        )


def test_the_position_is_marked_once(samples, read_html):
    """The step the run stands after is the current one, for eyes and for screen readers."""
    seen = read_html(html.run_html(samples.run))
    assert seen.values("aria-current") == ["step"]
    assert seen.words["▶"] == 1


def test_steps_ahead_of_the_position_are_told_from_those_not_run(samples):
    """After stepping back, later records stay in sight, greyed."""
    back = replace(samples.run, summary=replace(samples.summary, position=3))
    assert html.run_html(back).count('class="pf-row-ahead') == 2 + 1  # one of them has a note
    assert html.run_html(back).count('class="pf-row-pending"') == 2


def test_the_failed_attempt_takes_the_place_of_its_planned_step(samples, read_html):
    """It shows its error and no position; the step is not listed a second time."""
    seen = read_html(html.run_html(samples.failed))
    assert seen.words["evaluate"] == 1
    assert "KeyError: 'carrier'" in seen.text


def test_a_traceback_waits_until_it_is_opened(samples, read_html):
    """The error is in sight, the traceback in a closed disclosure."""
    markup = html.record_html(samples.failed.attempt)
    assert "<details><summary>Traceback</summary>" in markup
    assert "line 3, in evaluate" in "".join(read_html(markup).text)


def test_tables_name_their_rows_columns_and_themselves(samples, read_html):
    """Each table has a caption, each column head and row head a scope, each bar a label."""
    seen = read_html(html.run_html(samples.run))
    assert seen.tags["caption"] == seen.tags["table"] == 2
    assert seen.tags["th"] == len(seen.values("scope"))
    assert len([role for role in seen.values("role") if role == "img"]) == 5
    assert "90 MB after the step, peak 101 MB" in seen.values("aria-label")


def test_two_views_on_one_page_cannot_collide(samples, read_html):
    """No ids, no scripts, nothing fetched from anywhere."""
    markup = html.run_html(samples.failed) + html.record_html(samples.records[0])
    assert not read_html(markup).values("id")
    assert not re.search(r"<script|<link|src=|href=|url\(|@import|https?:", markup)


def test_every_rule_of_the_style_is_scoped():
    """A view cannot restyle the notebook around it."""
    rules = re.sub(r"/\*.*?\*/", "", stylesheet())
    rules = re.sub(r"@(media|container) [^{]*\{((?:[^{}]*\{[^{}]*\}\s*)*)\}", r"\2", rules)
    selectors = [
        part.strip() for head in re.findall(r"([^{}]+)\{", rules) for part in re.split(r",(?![^(]*\))", head)
    ]
    assert len(selectors) > 20
    assert [name for name in selectors if not name.startswith(".pforge-view")] == []


def test_a_run_of_2000_steps_shows_its_ends_and_its_position(samples, read_html):
    """What is left out is counted, so that nobody takes the table for all of it."""
    seen = read_html(html.run_html(samples.long(2000, 1000)))
    assert {"poll#1", "poll#10", "poll#990", "poll#1000", "poll#1010", "poll#1991", "poll#2000"} <= set(
        seen.words
    )
    assert "… 979 steps left out: 979 done" in seen.text
    assert len([word for word in seen.words if word.startswith("poll#")]) == 41


def test_a_failure_that_is_left_out_is_named(samples):
    """A failed step in the middle of many is what one looks for."""
    view = samples.long(2000, 1000)
    broken = replace(view.records[499], status="failed")
    records_ = (*view.records[:499], broken, *view.records[500:])
    assert "978 done, 1 failed (poll#500)" in html.run_html(replace(view, records=records_))


def test_of_many_variables_the_unchanged_are_left_out_first(samples, read_html):
    """What a step changed stays in sight among 500 variables."""
    rows = [VariableRow(f"v{place}", "int", "", None, "same", "") for place in range(500)]
    rows.append(VariableRow("fresh", "int", "", None, "new", ""))
    seen = read_html(html.variables_html(rows))
    assert "fresh" in seen.words
    assert "… 301 variables left out" in seen.text


def test_long_logs_keep_their_first_and_last_lines(samples, read_html):
    """The count of what is left out stands between them."""
    logs = tuple(LogLine("stderr", f"line {place}") for place in range(10_000))
    words = "".join(read_html(html.record_html(replace(samples.records[0], logs=logs))).text)
    assert "stderr: line 0\n" in words
    assert "stderr: line 9999" in words
    assert "… 9,800 lines left out" in words


def test_runs_are_listed_newest_first(samples, read_html):
    """Whatever the order they come in; the store is named once when it is the same."""
    newer = replace(samples.summary, id="r2", created=datetime(2026, 4, 1, tzinfo=UTC))
    seen = read_html(html.runs_html([samples.summary, newer]))
    assert seen.text.index("r2") < seen.text.index("r1")
    assert seen.words["sqlite:lab.db"] == 1


def test_no_runs_is_said(read_html):
    """An empty list is not an empty cell."""
    assert "No runs" in read_html(html.runs_html([])).text


def test_a_password_in_a_place_is_not_shown(samples):
    """The URL of a store may carry one."""
    summary = replace(samples.summary, place="postgresql://ann:se@cret@db/lab")
    assert "cret" not in html.run_html(replace(samples.run, summary=summary))
    assert "postgresql://ann:***@db/lab" in html.runs_html([summary])
