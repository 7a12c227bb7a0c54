"""Params are checked before anything runs, with all faults at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pforge_lab.errors import ParamError, SpecError
from pforge_lab.pipeline.params import check_values, parse_texts, read_param, read_params


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "a"], [1, None, b"a", ["a"]]),
        ("integer", [0, -3, np.int64(4)], ["3", 3.0, True, None]),
        ("float", [0.5, 3, np.float32(1)], ["3", True, None]),
        ("number", [0.5, 3], ["3", False]),
        ("boolean", [True, False, np.True_], [0, 1, "true", None]),
        ("array", [[], (1,), {1}, np.arange(2), pd.Series([1])], ["ab", 3, {"a": 1}, None]),
        ("object", [{}, {"a": 1}, pd.DataFrame(), object()], [3, "a", [1], None]),
        ("any", [None, 3, "a", object()], []),
    ],
)
def test_types_take_their_values_and_convert_none(kind, good, bad):
    """``"3"`` is no integer, ``1`` no boolean, ``True`` no integer."""
    param = read_param(kind)
    assert [param.fault(value) for value in good] == [None] * len(good)
    for value in bad:
        assert param.fault(value).startswith(f"must be a{'n' if kind[0] in 'aeio' else ''} {kind}, not "), (
            value
        )


@pytest.mark.parametrize(
    ("definition", "value", "told"),
    [
        ({"type": "integer", "min": 1}, 0, "must be at least 1, not 0"),
        ({"type": "integer", "max": 12}, 13, "must be at most 12, not 13"),
        ({"type": "integer", "minimum": 0, "maximum": 50}, 51, "must be at most 50, not 51"),
        ({"type": "float", "min": 0}, float("nan"), "must be at least 0, not nan"),
        ({"type": "string", "pattern": "^[a-z]+$"}, "A1", "must match '^[a-z]+$', unlike 'A1' (string)"),
        ({"type": "string", "min_length": 2}, "a", "must have a length of at least 2, not 1"),
        ({"type": "array", "max_length": 1}, [1, 2], "must have a length of at most 1, not 2"),
        ({"type": "string", "enum": ["a", "b"]}, "c", "must be one of 'a', 'b', not 'c' (string)"),
        ({"type": "integer", "enum": [1, 2]}, True, "must be an integer, not True (boolean)"),
        ({"type": "array", "items": "integer"}, [1, "2"], "item 1 must be an integer, not '2' (string)"),
        ({"type": "string", "validation": {"min_length": 1}}, "", "must have a length of at least 1, not 0"),
    ],
)
def test_constraints(definition, value, told):
    """Bounds, patterns, lengths, choices and items are checked, in both of pforge's spellings."""
    assert read_param(definition).fault(value) == told


def test_all_faults_of_values_are_told_at_once(message_of):
    """Missing, unknown and wrong ones, each by name, unknown ones with near misses."""
    params = read_params({"source": "string", "month": {"type": "integer", "default": 1}, "by": "string"})
    message = message_of(ParamError, check_values, params, {"moth": 3, "by": 5}, "pipeline 'daily'")
    assert message.splitlines() == [
        "moth: pipeline 'daily' has no such param, did you mean 'month'?",
        "source: missing; pipeline 'daily' needs this string",
        "by: must be a string, not 5 (integer)",
    ]


def test_defaults_are_filled_in_and_are_copies():
    """A tool that changes a default does not change the definition."""
    params = read_params({"a": {"type": "array", "default": [1]}, "b": {"type": "string", "required": False}})
    checked = check_values(params, {}, "x")
    assert checked == {"a": [1], "b": None}
    checked["a"].append(2)
    assert check_values(params, {}, "x")["a"] == [1]


def test_an_optional_param_takes_null():
    """What may be left out may also be given as nothing."""
    params = read_params({"a": {"type": "integer", "required": False}})
    assert check_values(params, {"a": None}, "x") == {"a": None}


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({"a": "strng"}, "a: unknown type 'strng', did you mean 'string'?"),  # codespell:ignore strng
        ({"a": {"type": "strng"}}, "a.type: must be 'string', 'integer'"),  # codespell:ignore strng
        ({"a": {"typ": "string"}}, "a.typ: unknown field 'typ', did you mean 'type'?"),
        ({"a": {"type": "integer", "default": "x"}}, "a: the default must be an integer, not 'x' (string)"),
        ({"a": {"type": "integer", "min": 3, "max": 1}}, "a: min 3 is above max 1"),
        ({"a": {"type": "string", "pattern": "("}}, "a.pattern: '(' is no regular expression"),
        ({"a": {"min": "1"}}, "a.min: must be a number, not '1' (string)"),
        ({"a": 5}, "a: must be a mapping"),
        ([1], "must be a mapping of names to types, not an array"),
    ],
)
def test_wrong_definitions(definition, told, message_of):
    """A definition that cannot be meant is a `SpecError`."""
    assert told in message_of(SpecError, read_params, definition)


def test_texts_are_read_by_declared_type():
    """A shell has text only: the type says what it stands for."""
    params = read_params({
        "s": "string", "i": "integer", "f": "float", "b": "boolean", "a": "array", "o": "object", "x": "any", "n": "number",
    })  # fmt: skip
    texts = {"s": "2", "i": "2", "f": "2", "b": "no", "a": "[1]", "o": '{"a": 1}', "x": "carrier", "n": "2.5"}
    assert parse_texts(params, texts, "p") == {
        "s": "2", "i": 2, "f": 2.0, "b": False, "a": [1], "o": {"a": 1}, "x": "carrier", "n": 2.5,
    }  # fmt: skip


def test_all_texts_that_cannot_be_read_are_told_at_once(message_of):
    """With the form that is wanted."""
    params = read_params({"i": "integer", "b": "boolean", "a": "array"})
    message = message_of(
        ParamError, parse_texts, params, {"i": "2.5", "b": "maybe", "a": "{}", "j": "1"}, "p"
    )
    assert "i: '2.5' is no integer" in message
    assert "b: 'maybe' is no boolean; write true or false" in message
    assert "a: '{}' is no array; write JSON such as [1, 2]" in message
    assert "j: p has no such param" in message
