"""Functions are found by name at each step, wherever they live."""

from __future__ import annotations

import functools
import sys

import pytest

from pforge_lab.errors import SpecError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import load_pipeline
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Step
from pforge_lab.pipeline.tools import code_fingerprint, registered, tool
from tests.pipeline.outcomes import output


@pytest.fixture
def main_functions():
    """Put functions into the notebook's namespace for a test."""
    main, added = sys.modules["__main__"], []

    def put(name, source):
        namespace = {"__name__": "__main__"}
        exec(source, namespace)
        setattr(main, name, namespace[name])
        added.append(name)
        return namespace[name]

    yield put
    for name in set(added):
        delattr(main, name)


def test_functions_of_the_notebook_are_looked_up_at_each_step(main_functions):
    """Defining the function again takes effect, for names and for objects alike."""
    function = main_functions("main_tool", "def main_tool(): return 1")
    pipelines = [Pipeline("p", steps=[Step(function)]), Pipeline("p", steps=[Step("main_tool")])]
    assert [output(pipeline) for pipeline in pipelines] == [1, 1]
    main_functions("main_tool", "def main_tool(): return 2")
    assert [output(pipeline) for pipeline in pipelines] == [2, 2]


def test_a_function_that_was_deleted_is_still_there_as_an_object(main_functions):
    """An object given is used when its name leads nowhere any more; a mere name is an error."""
    function = main_functions("main_tool", "def main_tool(): return 1")
    by_object, by_name = Pipeline("p", steps=[Step(function)]), Pipeline("p", steps=[Step("main_tool")])
    main = sys.modules["__main__"]
    del main.main_tool
    try:
        assert output(by_object) == 1
        assert "unknown tool 'main_tool'" in str(execute(by_name, 0, {}).error)
    finally:
        main.main_tool = function


def test_objects_without_a_name_of_their_own_are_used_as_they_are(main_functions):
    """Closures, lambdas, partials, methods, and functions wrapped by a decorator that is not under their name."""

    def wrapper(f):
        @functools.wraps(f)
        def inner():
            return "wrapped"

        return inner

    function = main_functions("main_tool", "def main_tool(): return 'plain'")
    cases = [(lambda: "lambda"), functools.partial(lambda x: x, "partial"), "method".lower, wrapper(function)]
    assert [output(Pipeline("p", steps=[Step(case)])) for case in cases] == [
        "lambda",
        "partial",
        "method",
        "wrapped",
    ]


def test_the_registry():
    """Bare, called, named; a later function of the name replaces it."""

    @tool
    def registry_bare():
        return "bare"

    @tool(name="registry named")
    def function():
        return "first"

    pipeline = Pipeline("p", steps=[Step("registry named")])
    assert output(pipeline) == "first"
    tool(name="registry named")(lambda: "second")
    assert output(pipeline) == "second"
    assert output(Pipeline("p", steps=[Step("registry_bare")])) == "bare"
    assert {"registry_bare", "registry named"} <= registered().keys()
    assert Step(registry_bare).tool_name == "registry_bare"
    for wrong in (
        {"retry": 0},
        {"timeout": 0},
        {"timeout": "5"},
        {"params": {"a": "strinng"}},
    ):
        with pytest.raises(SpecError):
            tool(**wrong)(lambda: 1)


def test_declared_params_of_a_registered_tool_are_checked():
    """As YAML has them, defaults included."""

    @tool(
        name="registry params",
        params={"x": {"type": "integer", "max": 3}, "y": {"type": "string", "default": "d"}},
    )
    def function(x, y):
        return (x, y)

    assert execute(Pipeline("p", steps=[Step(function, input={"x": 2})]), 0, {}).output == (2, "d")
    outcome = execute(Pipeline("p", steps=[Step(function, input={"x": 4, "z": 1})]), 0, {})
    assert "x: must be at most 3, not 4" in str(outcome.error)
    assert "z: 'registry params' has no such param" in str(outcome.error)


def test_an_optional_param_that_is_not_given_is_left_to_the_function():
    """The function's own default counts."""

    @tool(name="registry optional", params={"x": {"type": "integer", "required": False}})
    def function(x=7):
        return x

    assert output(Pipeline("p", steps=[Step(function)])) == 7


def test_rust_handlers_are_provided_by_python_functions(main_functions, tmp_path):
    """By the tool's name, the handler's path, or its last part; otherwise the error says how."""
    text = (
        "forge: { name: x }\ntools:\n"
        "  - { type: native, name: greet_rust, handler: { path: 'handlers::greet::say_hello_rust' } }\n"
        "  - { type: pipeline, name: p, steps: [{ tool: greet_rust }] }\n"
    )
    file = tmp_path / "pforge.yaml"
    file.write_text(text)
    outcome = execute(load_pipeline(file), 0, {})
    assert "tool 'greet_rust': no module 'handlers.greet'" in str(outcome.error)
    assert "provide it in Python with @pforge_lab.tool(name='greet_rust')" in str(outcome.error)
    main_functions("say_hello_rust", "def say_hello_rust(): return 'notebook'")
    assert output(load_pipeline(file)) == "notebook"
    tool(name="greet_rust")(lambda: "registered")
    assert output(load_pipeline(file)) == "registered"


def test_fingerprints_follow_the_code_and_nothing_else():
    """Comments, names of files and lines do not count; code inside, constants and defaults do."""

    def compiled(source, file="a"):
        namespace = {}
        exec(compile(source, file, "exec"), namespace)
        return namespace["f"]

    base = "def f(x=1):\n    def g(): return {'a', 'b', 'c', 'd'}\n    return g\n"
    same = compiled("\n\n# moved\n" + base, "b")
    assert code_fingerprint(compiled(base)) == code_fingerprint(same)
    for old, new in (("x=1", "x=2"), ("'a'", "'e'"), ("return g", "return g()")):
        assert code_fingerprint(compiled(base)) != code_fingerprint(compiled(base.replace(old, new)))


def test_fingerprints_of_everything_that_can_be_called():
    """Partials, methods, classes, callable objects and builtins have one."""

    class Thing:
        def method(self):
            return 1

        def __call__(self):
            return 2

    def closure(k):
        return lambda: k

    prints = [
        code_fingerprint(f)
        for f in (
            len,
            sorted,
            Thing,
            Thing(),
            Thing().method,
            functools.partial(int, base=2),
            closure(1),
            closure(2),
        )
    ]
    assert len(set(prints)) == len(prints)
