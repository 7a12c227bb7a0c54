"""Conditions compare, take what is undefined as false, and tell what cannot be compared."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pforge_lab.errors import SpecError, TemplateError
from pforge_lab.pipeline.templates import compile_condition


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("nope", False),
        ("!nope", True),
        ("nope.a.b", False),
        ("nope > 3", False),
        ("nope < 3", False),
        ("not (nope > 3)", True),
        ("nope | length > 0", False),
        ("nope == 'x'", False),
        ("balance.value >= 1000", True),
        ("balance.other >= 1000", False),
        ("{{ balance.value == 1500 }}", True),
        ("balance.value > 1000 and !blocked", True),
        ("name == 'a!b'", True),
        ("true", True),
        ("'x' in names", True),
        ("names | length == 2 and nope is undefined", True),
    ],
)
def test_conditions(condition, holds):
    """Conditions are expressions; names that are not defined are false in them."""
    scope = {"balance": {"value": 1500}, "name": "a!b", "names": ["x", "y"]}
    assert compile_condition(condition).test(scope) is holds


def test_a_condition_that_compares_what_cannot_be_compared_is_an_error(message_of):
    """Only what is undefined is false; a wrong type is told."""
    condition = compile_condition("x > 'a'")
    assert "'>' not supported" in message_of(TemplateError, condition.test, {"x": 3})
    assert "the condition is empty" in message_of(SpecError, compile_condition, "  ")


@pytest.mark.parametrize("word", ["==", "!=", "<", "<=", ">", ">="])
@given(
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers()),
    constant=st.integers(0, 9) | st.sampled_from(["'a'", "''", "0.5", "true", "none"]),
)
def test_a_comparison_with_a_constant_is_what_jinja_says(word, value, constant):
    """The short way and the long one agree, on what is compared, on what cannot be, and on what is undefined."""
    short, long = (
        compile_condition(text) for text in (f"x {word} {constant}", f"(x {word} {constant}) and true")
    )

    def told(condition, scope):
        try:
            return condition.test(scope)
        except TemplateError:
            return "refused"

    assert told(short, {"x": value}) == told(long, {"x": value})
    assert told(short, {}) == told(long, {})
