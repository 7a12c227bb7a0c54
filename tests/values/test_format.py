"""Numbers, times and text as short pieces."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from pforge_lab.values.format import (
    duration,
    megabytes,
    moment,
    names,
    place,
    shape,
    shorten,
    size,
    visible,
)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.000_000_4, "0 µs"), (0.000_999_9, "1.0 ms"), (0.009_96, "0.01 s"), (0.999_9, "1.00 s"), (9.996, "10.0 s"),
        (59.96, "1 min 00 s"), (3599.6, "1 h 00 min"), (90_000, "25 h 00 min"),
    ],
)  # fmt: skip
def test_a_duration_at_the_edges_of_its_units(seconds, shown):
    """Rounding never gives 60 seconds or 60 minutes."""
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (99_950, "100 kB"),
        (999_600, "1.00 MB"),
        (10**15, "1,000 TB"),
    ],
)
def test_a_size_at_the_edges_of_its_units(value, shown):
    """Decimal units: MB is 10**6."""
    assert size(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(49_999, "< 0.1"), (50_000, "0.1"), (1_234_560_000, "1,234.6")])
def test_megabytes_of_little_and_much(value, shown):
    """Something is never shown as nothing."""
    assert megabytes(value) == shown


def test_a_moment_keeps_its_zone():
    """A stored notebook is read elsewhere."""
    when = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert moment(when) == "2026-01-01 12:00:00 +05:30"


@given(text=st.text(max_size=300), limit=st.integers(2, 60))
def test_a_short_text_is_one_bounded_line(text, limit):
    """Whatever the text; escapes count as what they take."""
    shown = shorten(text, limit)
    assert len(shown) <= limit
    assert "\n" not in shown
    assert visible(shown) == shown


@given(text=st.text(max_size=100))
def test_visible_text_stays_as_it_is(text):
    """Making it visible twice changes nothing."""
    assert visible(visible(text)) == visible(text)


def test_a_shape_that_is_not_one_stays_text():
    """Shapes come from user classes too."""
    assert shape("?\x00 keys") == "?\\x00 keys"


def test_many_names_are_counted():
    """The first of them are shown."""
    assert names([str(number) for number in range(1000)], limit=2) == "0, 1 and 998 more"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("lab.fs", "lab.fs"),
        ("redis://:secret@host/0", "redis://:***@host/0"),
        ("zeo:lab.sock", "zeo:lab.sock"),
    ],
)
def test_only_passwords_are_taken_from_places(url, shown):
    """Anything else is needed to open the store again."""
    assert place(url) == shown
