"""Text of runs, records and variables: aligned, ASCII where asked for, no wider than it may be."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from pforge_lab.runs.glances import VariableRow
from pforge_lab.runs.records import VariableSize
from pforge_lab.views import html, text
from pforge_lab.views.text_blocks import columns


def table_of(shown, caption):
    """Return the lines of one table, from its heads on."""
    lines = shown.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(caption)) + 1
    return lines[start : lines.index("", start) if "" in lines[start:] else None]


def test_a_run_at_a_glance(samples):
    """Headline, origin, params, stale code, steps with what they cost, variables."""
    shown = text.run_text(samples.run)
    assert shown.splitlines()[:4] == [
        "daily r1 · ◐ paused · 5 of 7 steps · position 5, train · 10.1 s · peak 344 MB",
        "Kept in sqlite:lab.db · created 2026-03-01 09:30:05 UTC · updated 2026-03-01 09:32:05 UTC",
        "Params source = day.csv, by = carrier",
        "Code changed since it ran: clean",
    ]
    assert "clean (3 attempts) (code changed)" in shown
    assert "    ValueError: too few rows · not kept: model (has a lock)" in shown
    assert "▶ 5  ✓ done     train (1 part)" in shown


def test_the_columns_of_a_table_stand_under_their_heads(samples):
    """Wide characters take two columns."""
    rows = [
        VariableRow("東京", "int", "3 x 4", None, "new", "1"),
        VariableRow("x", "int", "", None, "same", "2"),
    ]
    heads, _, *lines = table_of(text.variables_text(rows), "Variables")
    at = columns(heads[: heads.index("Preview")])
    assert [columns(line[: line.rindex(last)]) for line, last in zip(lines, "12", strict=True)] == [at, at]


@pytest.mark.parametrize("width", [70, 80, 120])
def test_no_line_is_wider_than_the_terminal(width, samples):
    """Bars go first, then labels are shortened; words of headlines and errors are wrapped, not lost."""
    shown = text.run_text(samples.failed, width=width)
    assert max(map(columns, shown.splitlines())) <= width
    assert "peak 344 MB" in " ".join(shown.split())


def test_ascii_where_stdout_cannot_encode_more(samples):
    """Glyphs have plain forms; other characters are escaped, never dropped."""
    view = replace(samples.failed, summary=replace(samples.summary, pipeline="täglich"))
    shown = text.run_text(view, unicode=False)
    assert shown.isascii()
    assert "t\\xe4glich" in shown
    assert "> 5  + done     train" in shown
    assert "x failed" in shown
    assert "o not run" in shown


@settings(deadline=None)
@given(name=st.text(max_size=40), width=st.none() | st.integers(20, 200), unicode=st.booleans())
def test_no_text_can_drive_the_terminal(name, width, unicode, samples):
    """Control characters, escapes and direction marks are written out, and lines stay lines."""
    summary = replace(samples.summary, pipeline=name, id=name, params={name: name}, error=name)
    view = replace(samples.run, summary=summary, variables=(VariableRow(name, name, name, None, name, name),))
    shown = text.run_text(view, width=width, unicode=unicode)
    assert all(char == "\n" or char.isprintable() or char in "\u200c\u200d" for char in shown)
    assert unicode or shown.isascii()
    shown.encode("utf-8")


def test_a_position_at_the_start_is_said(samples):
    """Nothing has run: every step of the plan is listed as not run."""
    summary = replace(samples.summary, position=0, steps_done=0, status="ready")
    shown = text.run_text(replace(samples.run, summary=summary, records=(), variables=(), stale=()))
    assert "○ ready · 0 of 7 steps · position 0" in shown
    assert shown.count("○ not run") == 7


def test_a_record_shows_its_logs_with_their_stream(samples):
    """What went to stdout stands as it was written."""
    assert "  read 336,776 rows" in text.record_text(samples.records[0])


def test_parts_of_a_step_are_listed(samples):
    """Nested, parallel and foreach steps have records of their own."""
    assert "Parts of train" in text.record_text(samples.records[4])


def test_what_a_slice_keeps_alive_has_its_own_column(samples):
    """Holding 100 bytes and reaching 189 MB is worth a column; it is absent where it says nothing."""
    assert "≈ 189.0" in text.variables_text(samples.variables)
    little_more = VariableRow("n", "int", "", VariableSize(28, 40_000), "same", "15")
    assert "Reach" not in text.variables_text([samples.variables[0], little_more])


def test_memory_that_was_sampled_or_not_measured_is_told_as_such():
    """A frame as run.memory returns it: what was seen of a peak is less than it, and a step may have none."""
    frame = pd.DataFrame(
        {
            "index": [1, 2], "label": ["load", "edit"], "before": [80e6, None], "peak": [200e6, None],
            "after": [90e6, None], "method": ["VmHWM", None], "exact": [False, None],
        }
    )  # fmt: skip
    seen = text.memory_text(frame)
    assert "≥ 200" in seen
    assert "not measured" in seen


def test_what_changed_inside_a_value_stands_below_its_row():
    """Whole, over the full width, however narrow the columns are."""
    detail = "; ".join(
        f"['column {number}']: 1 of 3 cells changed, first in row 0: 1 -> 2" for number in range(5)
    )
    frame = pd.DataFrame(
        [["table", "changed", "DataFrame 3 x 4", f"DataFrame 3 x 4 — {detail}"]],
        columns=["variable", "change", "before", "after"],
    )
    shown = text.diff_text(frame, width=60)
    assert max(map(columns, shown.splitlines())) <= 60
    row, *below = table_of(shown, "Variable")[1:]
    assert row.split() == ["table", "changed", "DataFrame", "3", "x", "4", "DataFrame", "3", "x", "4"]
    assert " ".join(" ".join(below).split()) == detail
    assert detail in unescape(html.diff_html(frame))
