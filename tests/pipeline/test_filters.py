"""What filters hand on: defined, plain, and as often as it is read."""

from __future__ import annotations

import pytest

from pforge_lab.errors import TemplateError
from pforge_lab.pipeline.templates import compile_condition, compile_value

ROWS = [{"a": 1, "b": {"c": 2}}, {"a": 3}]


def render(template, **scope):
    return compile_value(template).render(scope)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ rows | map(attribute='nope') | list }}", "there is no 'nope'"),
        ("{{ rows | map(attribute='nope') }}", "there is no 'nope'"),
        ("{{ rows | map(attribute='b.c') | list }}", "there is no 'b'"),
        ("{{ [[], [1]] | map('first') | list }}", "No first item"),
        ("{{ {'all': rows | map(attribute='aa')} }}", "there is no 'aa', did you mean 'a'?"),
        ("{{ rows | sum(attribute='nope') }}", "there is no 'nope'"),
        ("{{ rows | join(',', attribute='b.d') }}", "there is no 'd'"),
        ("{{ rows | selectattr('nope') | list }}", "there is no 'nope'"),
        ("{{ rows | rejectattr('nope', 'eq', 1) | list }}", "there is no 'nope'"),
        ("{{ rows | unique(attribute='nope') | list }}", "there is no 'nope'"),
        ("{{ rows | sort(attribute='nope') | list }}", "there is no 'nope'"),
        ("{{ rows | max(attribute='nope') }}", "there is no 'nope'"),
        ("{{ nope | tojson }}", "'nope' is not defined"),
    ],
)
def test_what_is_undefined_inside_of_a_result_is_an_error(template, told, message_of):
    """It names the attribute, and no tool is handed what is undefined."""
    assert told in message_of(TemplateError, compile_value(template).render, {"rows": ROWS})


def test_ways_to_do_without_an_attribute():
    """A default, and asking first."""
    assert render("{{ rows | map(attribute='b', default=0) }}", rows=ROWS) == [{"c": 2}, 0]
    assert render("{{ rows | map(attribute='b', default=none) }}", rows=ROWS) == [{"c": 2}, None]
    assert render("{{ rows | selectattr('b', 'defined') | map(attribute='a') }}", rows=ROWS) == [1]


def test_undefined_attributes_are_false_in_conditions():
    """As names are; one among the values that a filter reads is no error there."""
    assert not compile_condition("rows | map(attribute='nope') | first").test({"rows": ROWS})
    assert not compile_condition("rows | sum(attribute='nope') > 0").test({"rows": ROWS})
    assert not compile_condition("rows | selectattr('nope') | first").test({"rows": ROWS})


def test_json_is_plain_text():
    """Nothing is escaped for HTML, and what it is added to is not either."""
    text = render("{{ x | tojson }}", x={"b": "<it's & that>", "a": [1, None]})
    assert text == '{"a": [1, null], "b": "<it\'s & that>"}'
    assert type(text) is str
    assert render("{{ a + (x | tojson) }}", a="<b>", x="&") == '<b>"&"'
    assert render("{{ x | tojson(indent=1) }}", x=[1]) == "[\n 1\n]"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x | map('string')", ["1", "2", "2"]),
        ("x | select('odd')", [1]),
        ("x | reject('odd')", [2, 2]),
        ("x | unique", [1, 2]),
        ("x | reverse", [2, 2, 1]),
        ("rows | selectattr('a', 'gt', 1)", ROWS[1:]),
        ("rows | rejectattr('a', 'gt', 1)", ROWS[:1]),
        ("'abc' | reverse", "cba"),
        ("rows | map('length')", [2, 1]),
    ],
)
def test_results_are_lists(expression, expected):
    """Not generators, which could be read once only; texts stay texts."""
    assert render(f"{{{{ {expression} }}}}", x=[1, 2, 2], rows=ROWS) == expected
    assert render(f"all: {{{{ {expression} }}}}", x=[1, 2, 2], rows=ROWS) == f"all: {expected}"
