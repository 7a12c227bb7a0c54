"""Templates hand objects on, read data only, and say what is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from pforge_lab.errors import SpecError, TemplateError
from pforge_lab.pipeline.templates import compile_condition, compile_value


def render(value, **scope):
    return compile_value(value).render(scope)


class Plain:
    """An object with fields and a method."""

    def __init__(self):
        self.name = "Ada"
        self._secret = 1
        self.mapping = {"a": 1}

    def method(self):
        """Fail: nothing may call it."""
        raise AssertionError("a template called something")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers())
    ),
)


@given(value=values)
def test_a_whole_value_template_hands_the_very_object_on(value):
    """Neither type nor identity of a value changes, in arguments, lists and mappings."""
    scope = {"x": value, "deep": {"list": [value]}}
    assert compile_value("{{ x }}").render(scope) is value
    assert compile_value({"a": ["{{x}}"]}).render(scope)["a"][0] is value
    assert compile_value("{{ deep.list.0 }}").render(scope) is value
    assert compile_value("{{ deep['list'][0] }}").render(scope) is value


@given(text=st.text())
def test_text_in_data_is_never_evaluated(text):
    """A value that looks like a template stays what it is."""
    data = "{{ secret }} " + text + " {{ ().__class__ }}"
    assert render("{{ x }}", x=data, secret="no") == data
    assert render("<{{ x }}>", x=data, secret="no") == f"<{data}>"
    assert render("{{ x | trim }}", x=data) == data.strip()


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ n + 1 }}", 4),
        ("{{ n > 2 and n < 5 }}", True),
        ("{{ user.address_id }}", 7),
        ("{{ pages.0 }}", "p0"),
        ("{{ pages[1] }}", "p1"),
        ("{{ user['items'] }}", [1, 2]),
        ("{{ user.items }}", [1, 2]),
        ("{{ user.items | sum }}", 3),
        ("{{ user.items | map('string') | join('+') }}", "1+2"),
        ("{{ [n, n * 2] }}", [3, 6]),
        ("{{ {'a': {'b': n}} }}", {"a": {"b": 3}}),
        ("{{ nope | default('x') }}", "x"),
        ("{{ nope is defined }}", False),
        ("{{ '{{' }}", "{{"),
        ("{{ '}}' }}", "}}"),
        ("Hello {{ user.name }}, {{ n }}!", "Hello Ada, 3!"),
        ("no template", "no template"),
        ("{{ n }}\n", "3\n"),
        ("{# no comment #}", "{# no comment #}"),
        ("{{ -n }}", -3),
        ("{{ 7 // 2 }} {{ 7 % 4 }} {{ 2 ** 5 }}", "3 3 32"),
        ("{{ pages[0:1] }}", ["p0"]),
        ("{{ user | keys | list }}", ["name", "address_id", "items"]),
        ("{{ user | values | first }}", "Ada"),
        ("{{ user | items | last }}", ("items", [1, 2])),
        ("{{ 2.567 | round(1) }}", 2.6),
        ("{{ [user] | sum('address_id') }}", 7),
        ("{{ [user] | join('/', attribute='items.1') }}", "2"),
        ("{{ [user, {}] | selectattr('name', 'defined') | list | length }}", 1),
        ("{{ 'a-b' | replace('-', '+') | upper }}", "A+B"),
        ("{{ 'a' ~ n }}", "a3"),
        ("{{ 'yes' if n == 3 else 'no' }}", "yes"),
    ],
)
def test_expressions(template, expected):
    """Nested access, arithmetic, comparison and filters work as in Jinja."""
    user = {"name": "Ada", "address_id": 7, "items": [1, 2]}
    assert render(template, n=3, user=user, pages=["p0", "p1"]) == expected


def test_the_key_wins_on_mappings_and_the_column_on_tables():
    """``page.items`` is the field, ``frame.count`` the column, and other attributes are still there."""
    frame = pd.DataFrame({"count": [1, 2], "a": [3, 4]})
    assert render("{{ frame.count }}", frame=frame).tolist() == [1, 2]
    assert render("{{ frame.shape }}", frame=frame) == (2, 2)
    assert render("{{ frame.a | list }}", frame=frame) == [3, 4]
    assert render("{{ page.keys }}", page={"keys": 5}) == 5
    assert render("{{ thing.mapping.a }} {{ thing.name }}", thing=Plain()) == "1 Ada"


@pytest.mark.parametrize("empty", [[], {}, (), set(), pd.DataFrame(), np.array([]), b""])
def test_empty_containers_are_true(empty):
    """Only None, False, 0, "" and undefined names are false."""
    assert compile_condition("x").test({"x": empty})
    assert not compile_condition("!x").test({"x": empty})
    assert compile_condition("not x or x").test({"x": empty})
    assert render("{{ x or 'no' }}", x=empty) is empty
    assert render("{{ x and 'yes' }}", x=empty) == "yes"
    assert render("{{ 'yes' if x else 'no' }}", x=empty) == "yes"
    assert render("{{ not x }}", x=empty) is False


@pytest.mark.parametrize("false", [None, False, 0, 0.0, "", np.int64(0), np.float32(0), np.False_])
def test_false_values_are_false_everywhere(false):
    """One truth table for ``! not and or if`` and whole conditions."""
    assert not compile_condition("x").test({"x": false})
    assert compile_condition("!x").test({"x": false})
    assert compile_condition("! x and not x").test({"x": false})
    assert render("{{ x or 'no' }}", x=false) == "no"
    assert render("{{ 'yes' if x else 'no' }}", x=false) == "no"
    assert render("{{ !x }}", x=false) is True


def test_and_and_or_return_operands_and_stop_early():
    """The second operand is not looked at when the first one decides."""
    assert render("{{ a and a.b.c }}", a=None) is None
    assert render("{{ a or missing }}", a=5) == 5
    assert render("{{ a or b or c }}", a=0, b="", c="c") == "c"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ x", "end of template"),
        ("{{ }}", "Expected an expression"),
        ("{{ x y }}", "got 'y'"),
        ("{% for a in b %}{{ a }}{% endfor %}", "blocks are not part of templates; use a condition"),
        ("{{ df.to_csv('/tmp/x') }}", "calls something"),
        ("{{ [].append(1) }}", "calls something"),
        ("{{ range(3) }}", "calls something"),
        ("{{ ().__class__ }}", "'__class__' is private"),
        ("{{ x['__class__'] }}", "'__class__' is private"),
        ("{{ x.a.__class__.b }}", "'__class__' is private"),
        ("{{ x | lenght }}", "no filter 'lenght', did you mean 'length'"),  # codespell:ignore lenght
        ("{{ x | attr('y') }}", "no filter 'attr'"),
        ("{{ x is nice }}", "no test 'nice'"),
        ("{{ " + "(" * 3000 + "x" + ")" * 3000 + " }}", "nested too deeply"),
        ("{{ " + "9" * 6000 + " }}", "digits"),
        ("{{ x " + "+ x" * 60_000 + " }}", "characters"),
    ],
)
def test_what_is_no_template_is_found_when_it_is_compiled(template, told, message_of):
    """Faults of syntax and forbidden parts are a `SpecError` that names the part."""
    assert told in message_of(SpecError, compile_value, template)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ usr }}", "'usr' is not defined, did you mean 'user'? Defined: 'n', 'thing', 'user'"),
        ("{{ usr.name }}", "'usr' is not defined"),
        ("a {{ usr }}", "'usr' is not defined"),
        ("{{ n + usr }}", "'usr' is not defined"),
        ("{{ [usr] }}", "'usr' is not defined"),
        ("{{ {'a': usr} }}", "'usr' is not defined"),
        ("{{ user.nam }}", "there is no 'nam', did you mean 'name'?"),  # codespell:ignore nam
        ("{{ user.nam + 1 }}", "there is no 'nam', did you mean 'name'?"),  # codespell:ignore nam
        ("{{ user.list.7 }}", "there is no item 7; the list has 1"),
        ("{{ n.x }}", "a int has no 'x'"),
        ("{{ n + 'a' }}", "unsupported operand"),
        ("{{ 'a' * 10**10 }}", "'*' repeats neither text nor lists"),
        ("{{ [0] * 10**10 }}", "'*' repeats neither text nor lists"),
        ("{{ 10 ** (10 ** 10) }}", "more than 4096 bits"),
        ("{{ '%1000000000d' % 1 }}", "'%' on text is not supported"),
        ("{{ n | round(-1000000000) }}", "cannot round"),
        ("{{ user.name | replace('a', user.big) | replace('b', user.big) }}", "more than 10,000,000"),
        ("{{ user.big | list | join(user.big) }}", "more than 10,000,000"),
        ("{{ thing.method }}", "'method' is a method of Plain, and templates call nothing"),
        ("{{ thing._secret }}", "private"),
        ("{{ [thing] | map(attribute='__class__') | list }}", "private"),
        ("{{ [thing] | map(attribute='_secret') | list }}", "private"),
        ("{{ [thing] | sum('__dict__') }}", "private"),
        ("{{ n | length }}", "has no len"),
    ],
)
def test_what_cannot_be_evaluated_says_why(template, told, message_of):
    """A `TemplateError` names the expression, and what there is."""
    template_ = compile_value(template)
    scope = {"user": {"name": "Adab", "list": [1], "big": "b" * 10_000}, "n": 3, "thing": Plain()}
    message = message_of(TemplateError, template_.render, scope)
    assert told in message
    assert message.startswith(repr(template)[:20])


def test_a_template_error_carries_its_facts():
    """Expression, missing name and defined names are attributes."""
    with pytest.raises(TemplateError) as caught:
        render("{{ nope }}", a=1, b=2)
    assert (caught.value.expression, caught.value.name, caught.value.defined) == (
        "{{ nope }}",
        "nope",
        ("a", "b"),
    )


def test_objects_are_refused_in_definitions(message_of):
    """A value that is no plain data must come through a param."""
    assert "hand objects to the pipeline as params" in message_of(SpecError, compile_value, {"a": [object()]})


def test_all_faults_of_a_value_are_told_at_once():
    """Each with the path of its part."""
    with pytest.raises(SpecError) as caught:
        compile_value({"a": "{{", "b": ["ok", "{{ x( }}"], "c": {1}})
    assert [fault.field for fault in caught.value.faults] == ["a", "b.1", "c"]


def test_reads_are_the_names_and_nothing_else():
    """Filters, tests, literals and parts are no names."""
    template = compile_value(
        {"a": "{{ x.y | default(z) }}", "b": ["{{ 'q' }}", "t {{ w[0] }} {{ v is defined }}"]}
    )
    assert template.reads == {"x", "z", "w", "v"}
    assert compile_condition("a > b.c and !d").reads == {"a", "b", "d"}


def test_rendering_makes_new_containers():
    """A tool that changes its argument does not change the definition."""
    template = compile_value({"a": [1, {"b": 2}]})
    template.render({})["a"][1]["b"] = 3
    assert template.render({}) == {"a": [1, {"b": 2}]}
