"""What the preview of a frame, an array, text and bytes shows of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from pforge_lab.views.html import preview_html
from pforge_lab.views.text import preview_text


def test_a_frame_shows_its_head_dtypes_and_what_is_left_out():
    """Numbers to the right, text without quotes, the index as row heads."""
    frame = pd.DataFrame({"carrier": ["UA", "AA"] * 20, "delay": [2.0, 1e7] * 20}, index=range(100, 140))
    assert preview_text(frame, "flights").splitlines()[:6] == [
        "flights DataFrame 40 x 2".replace(" x ", " \N{MULTIPLICATION SIGN} "),
        "",
        "First 10 rows of 40",
        "Index  carrier       delay",
        "─────  ───────  ──────────",
        "dtype  str         float64",
    ]
    assert "101    AA       10000000.0" in preview_text(frame, "flights")


def test_a_wide_frame_lists_all_its_dtypes_on_request():
    """Twelve columns of data; the others by name."""
    wide = pd.DataFrame({f"c{place}": [place] for place in range(30)})
    assert "… 18 columns left out" in preview_text(wide, "wide")
    assert "<details><summary>All columns: 30</summary>" in preview_html(wide, "wide")
    assert "29  c29     int64" in preview_text(wide, "wide")


@settings(deadline=None)
@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=1, max_size=50))
def test_figures_of_an_array_are_numpys(numbers):
    """Missing elements are counted, not spread into the figures."""
    array = np.array(numbers)
    shown = dict(
        line.split(maxsplit=1) for line in preview_text(array, "x").splitlines()[3:10] if " " in line
    )
    known = array[~np.isnan(array)]
    assert int(shown.get("Missing", 0)) == len(array) - len(known)
    if len(known):
        assert float(shown["Min"]) == pytest.approx(known.min(), rel=1e-5)
        assert float(shown["Mean"]) == pytest.approx(known.mean(), rel=1e-4, abs=1e-30)
        assert float(shown["Max"]) == pytest.approx(known.max(), rel=1e-5)


def test_figures_of_a_large_array_say_that_they_are_of_a_sample():
    """The work is bounded, and the reader is told."""
    assert "90,000 elements, every 4th" in preview_text(np.zeros((300, 1200)), "x")


def test_the_corner_of_a_stack_says_where_it_is():
    """The first plane, its first rows and columns."""
    shown = preview_text(np.arange(24).reshape(2, 3, 4), "x")
    assert "Corner [0, :3, :4]" in shown
    assert "1      4  5   6   7" in shown


def test_text_keeps_its_lines():
    """Indentation stays; what is left out is said."""
    shown = preview_text("one\n  two\n" * 100, "note").splitlines()
    assert shown[1:3] == ["  one", "    two"]
    assert shown[-1] == "… the rest is left out"


def test_bytes_are_dumped():
    """Offsets, hexadecimal, and what of it is text."""
    assert "  0000  3c 00 ff" in preview_text(b"<\x00\xff", "b")
    assert "… 744 bytes left out" in preview_text(bytes(1000), "b")
