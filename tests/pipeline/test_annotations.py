"""Arguments are checked against a function's annotations, and nothing right is refused."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import functools
import math
import operator
import pathlib
import sys
import types
import typing
from collections import abc

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from pforge_lab.errors import ParamError
from pforge_lab.pipeline.annotations import kind_of
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import loads
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Step
from pforge_lab.pipeline.tools import tool

T = typing.TypeVar("T")
Month = typing.NewType("Month", int)
Choice = typing.Literal["a", "b"]


class Drawable(typing.Protocol):
    """Something with a method."""

    def draw(self):
        """Draw."""


class Config:
    """A class of the user's own."""


def hinted(text: typing.Optional[str]):  # noqa: UP045 - the spelling is what is tried
    """Have a type hint of the old spelling."""


def called(function, value):
    """Return the outcome of a step that calls a function with one argument."""
    pipeline = Pipeline("p", params={"v": "any"}, steps=[Step(function, input={"x": "{{ v }}"})])
    return execute(pipeline, 0, {"v": value})


def takes(annotation, default=...):
    """Return a function whose one parameter has the annotation."""
    if default is ...:

        def function(x):
            return "called"
    else:

        def function(x=default):
            return "called"

    function.__annotations__ = {"x": annotation}
    return function


@pytest.mark.parametrize(
    ("annotation", "value", "told"),
    [
        (int, "3", "must be an integer, not '3' (string)"),
        (int, 3.5, "must be an integer, not 3.5 (float)"),
        (int, None, "must be an integer, not null"),
        ("int", "3", "must be an integer, not '3' (string)"),
        (Month, "3", "must be an integer, not '3' (string)"),
        (typing.Annotated[int, "months"], "3", "must be an integer, not '3' (string)"),
        (float, "0.5", "must be a number, not '0.5' (string)"),
        (str, 3, "must be a string, not 3 (integer)"),
        (bool, "true", "must be a boolean, not 'true' (string)"),
        (bytes, "a", "must be bytes, not 'a' (string)"),
        (list, "abc", "must be an array, not 'abc' (string)"),
        (list[int], {"a": 1}, "must be an array, not an object"),
        (tuple[int, ...], 3, "must be an array, not 3 (integer)"),
        (abc.Iterable[int], 3, "must be an array, not 3 (integer)"),
        (dict[str, int], [1], "must be an object, not an array"),
        (abc.Mapping, "a", "must be an object, not 'a' (string)"),
        (int | None, "3", "must be an integer or null, not '3' (string)"),
        (int | str, [1], "must be an integer or a string, not an array"),
        (abc.Callable[[int], int], 3, "must be a function, not 3 (integer)"),
        (pd.DataFrame, [1], "must be a DataFrame, not an array"),
        (pd.DataFrame, None, "must be a DataFrame, not null"),
        (np.ndarray, "a", "must be a ndarray, not 'a' (string)"),
        (Config, {"a": 1}, "must be a Config, not an object"),
    ],
)
def test_what_surely_is_not_what_the_annotation_says_is_refused(annotation, value, told):
    """With the step, the parameter, both types and the next move; nothing is called."""
    outcome = called(takes(annotation), value)
    assert isinstance(outcome.error, ParamError), outcome.output
    where = "step 'function': x: "
    assert str(outcome.error) == f"{where}{told}; give 'function' another value, or change the annotation"
    assert outcome.error.faults[0].field == "step 'function': x"


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (int, [3, True, np.int64(3), 3.0, np.float64(3), np.array(3), decimal.Decimal(3)]),
        (float, [3, 0.5, np.float32(0.5), np.int8(1), decimal.Decimal("0.5"), np.array(0.5), True]),
        (bool, [True, np.True_, 0, 1, np.array([True, False])]),
        (str, ["a", np.str_("a")]),
        (bytes, [b"a", bytearray(b"a"), memoryview(b"a")]),
        (list, [[1], (1,), {1}, np.arange(2), pd.Series([1]), collections.deque([1]), range(2), {}.keys()]),
        (tuple[int, str], [[1], (1,), {1}, iter([1])]),
        (set[int], [[1], {1}, frozenset({1})]),
        (abc.Sequence[str], ["abc", ["a"], np.array(["a"])]),
        (abc.Iterable, [{"a": 1}, "a", iter([1])]),
        (dict, [{}, collections.OrderedDict(), collections.ChainMap({}), pd.DataFrame(), pd.Series([1])]),
        (int | None, [None, 3]),
        (typing.get_type_hints(hinted)["text"], [None, "a"]),
        (float | pd.Series, [0.5, pd.Series([1])]),
        (pd.DataFrame, [pd.DataFrame(), pd.Series([1]), object()]),
        (np.float64, [0.5, 1]),
        (type, [int, Config]),
        (object, [None, 3, "a"]),
        (typing.Any, [None, 3, "a"]),
        (T, [None, 3, "a"]),
        (list[T] | T, [None, 3, "a"]),
        (Choice, [None, 3, "a"]),
        (Drawable, [None, 3, "a"]),
        (pathlib.Path, ["a.csv", pathlib.Path()]),
        (dt.date, ["2026-01-01", dt.date(2026, 1, 1)]),
        ("not_there.Frame", [None, 3, "a"]),
        ("int |", [None, "a"]),
        (np.typing.ArrayLike, [[1], 3, np.arange(2)]),
        (3, [None, "a"]),
        ([int], [None, "a"]),
    ],
    ids=lambda told: None if isinstance(told, list) else str(told),
)
def test_what_may_be_right_is_handed_on(annotation, values):
    """What stands for such a value, and whatever an annotation does not surely exclude."""
    for value in values:
        outcome = called(takes(annotation), value)
        assert outcome.error is None, (value, outcome.error)


def test_none_is_a_value_of_an_optional_parameter_without_a_default():
    """The pipeline's param takes it, its schema says so, and the round trip through YAML keeps it."""

    def told(x: int | None):
        return x

    pipeline = Pipeline.from_functions("p", told)
    again = loads(pipeline.to_yaml().replace("tool: told", "tool: math:sqrt"))
    for each in (pipeline, again):
        assert each.check_params({"x": None}) == {"x": None}
        assert each.schema()["properties"]["x"]["type"] == ["integer", "null"]
        with pytest.raises(ParamError, match="must be an integer"):
            each.check_params({"x": "3"})
    assert pipeline.run({"x": None}, record=False).variables["told"] is None


def test_a_parameter_with_a_default_takes_none():
    """``x: int = 3`` and ``x: DataFrame = None`` are left to the function."""
    assert called(takes(int, 3), None).error is None
    assert called(takes(pd.DataFrame, None), None).error is None


def test_a_default_that_the_annotation_excludes_shows_that_it_means_little():
    """``x: int = "auto"`` takes other texts too."""
    assert called(takes(int, "auto"), "none").error is None


def test_declared_params_are_what_counts_where_there_are_some():
    """They say more than the annotation, and may say otherwise."""
    declared = tool(name="declared_here", params={"x": "string"})(takes(int))
    assert called(declared, "3").error is None
    assert "must be a string" in str(called(declared, 3).error)


def test_a_decorator_may_convert():
    """`pydantic.validate_call` makes 3 of "3"; the annotation is that of the function behind it."""

    @pydantic.validate_call
    def double(x: int):
        return 2 * x

    @functools.wraps(double)
    def plain(x):
        return double(x)

    assert called(double, "3").output == called(plain, "3").output == 6


def test_all_wrong_arguments_are_told_at_once():
    """Each on its own line."""

    def both(x: int, y: str):
        return None

    pipeline = Pipeline("p", steps=[Step(both, input={"x": "a", "y": 3})])
    lines = str(execute(pipeline, 0, {}).error).splitlines()
    assert [line.split(" must")[0] for line in lines] == ["step 'both': x:", "step 'both': y:"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = int` came with Python 3.12")
def test_an_alias_of_a_type_is_left_alone():
    """What it stands for may be made later."""
    namespace = {}
    exec("type Number = int", namespace)
    assert called(takes(namespace["Number"]), "3").error is None


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3)
    | st.decimals(allow_nan=False) | st.dates() | st.builds(np.int64, st.integers(-9, 9)) | st.builds(np.float64, st.floats()),
    lambda inner: st.lists(inner, max_size=2) | st.lists(inner, max_size=2).map(tuple)
    | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    | st.frozensets(st.integers(), max_size=2) | st.lists(inner, max_size=2).map(collections.deque),
    max_leaves=4,
)  # fmt: skip
SCALARS = (
    int,
    float,
    bool,
    str,
    bytes,
    type(None),
    dt.date,
    pathlib.Path,
    Choice,
    Config,
    pd.DataFrame,
)
CONTAINERS = (list, tuple, set, frozenset, dict, abc.Sequence, abc.Iterable, abc.Mapping)
ANNOTATIONS = st.recursive(
    st.sampled_from([*SCALARS, *CONTAINERS, list[int], dict[str, int], tuple[int, ...], Month]),
    lambda inner: st.lists(inner, min_size=2, max_size=3).map(lambda parts: functools.reduce(operator.or_, parts))
    | inner.map(lambda part: typing.Annotated[part, "told"]),
    max_leaves=3,
)  # fmt: skip


@functools.cache
def _adapter(annotation):
    return pydantic.TypeAdapter(annotation, config=pydantic.ConfigDict(arbitrary_types_allowed=True))


def _unconverted(annotation, value):
    """Return whether pydantic accepts a value and hands on an equal one: a container, or the same scalar."""
    try:
        made = _adapter(annotation).validate_python(value, strict=False)
    except (pydantic.ValidationError, OverflowError, ValueError):
        return False
    if isinstance(made, (list, tuple, set, frozenset, dict, collections.deque)):
        return True
    return made == value or (isinstance(made, float) and math.isnan(made))


@settings(deadline=None, max_examples=600)
@given(annotation=ANNOTATIONS, value=PLAIN)
def test_what_pydantic_takes_without_converting_it_is_not_refused(annotation, value):
    """Whatever the annotation: a container of any sort where it takes one, a scalar that stays what it is."""
    kind = kind_of(annotation)
    if kind is not None and _unconverted(annotation, value):
        assert type(value) in kind.exact or kind.accepts(value)


@settings(deadline=None)
@given(annotation=ANNOTATIONS, value=PLAIN)
def test_what_is_an_instance_is_not_refused(annotation, value):
    """Nor what a plain `isinstance` of any part of the annotation takes."""
    kind = kind_of(annotation)
    if kind is None:
        return
    union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    parts = typing.get_args(annotation) if union else (annotation,)
    classes = [typing.get_origin(part) or part for part in parts]
    if any(isinstance(part, type) and isinstance(value, part) for part in classes):
        assert type(value) in kind.exact or kind.accepts(value)
