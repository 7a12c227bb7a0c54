"""A pipeline made from functions: their signatures and docstrings say its inputs, params and resources."""

from __future__ import annotations

import pytest

from pforge_lab.errors import SpecError
from pforge_lab.pipeline.signatures import signature_of
from pforge_lab.pipeline.spec import Pipeline
from tests.pipeline.outcomes import clean, load


class Store:
    """Something that runs hand out."""

    __handed_out_by_runs__ = True


def use(x, store: Store, other: Store | None = None):
    return (x, store, other)


def count(clean, by: str = "carrier", limit: int | None = None):
    return len(clean)


def test_from_functions_names_everything():
    """Parameters take variables of the same name, what no function gives becomes a param."""
    pipeline = Pipeline.from_functions("daily", load, clean, count)
    assert pipeline.labels == ("load", "clean", "count")
    assert [step.output_var for step in pipeline.steps] == ["load", "clean", "count"]
    assert pipeline.steps[1].input == {"load": "{{ load }}", "keep": "{{ keep }}"}
    assert {name: (param.type, param.is_required) for name, param in pipeline.params.items()} == {
        "source": ("string", True), "keep": ("any", False), "by": ("string", False), "limit": ("integer", False),
    }  # fmt: skip
    assert pipeline.check_params({"source": "x"}) == {
        "source": "x",
        "keep": True,
        "by": "carrier",
        "limit": None,
    }


def test_from_functions_leaves_defaults_that_are_no_data_to_the_function(run_all):
    """An object as a default is no param; the function uses it."""
    marker = object()

    def make(x, how=marker):
        return how is marker and x

    scope, _ = run_all(Pipeline.from_functions("p", make), {"x": 3})
    assert scope == {"x": 3, "make": 3}


def test_from_functions_refuses_orders_that_cannot_work(message_of):
    """A function cannot need itself, or a later one; two cannot share a name."""
    message = message_of(SpecError, Pipeline.from_functions, "p", clean, load, load)
    assert "steps.0: 'clean' needs 'load', which comes later; put it after what it needs" in message
    assert "steps.2: two functions are named 'load'" in message


def test_a_resource_is_no_param(run_all):
    """A parameter annotated with a type that runs hand out is given by the run."""
    pipeline = Pipeline.from_functions("p", use)
    assert list(pipeline.params) == ["x"]
    store = Store()
    scope, _ = run_all(pipeline, {"x": 1}, resources={Store: store})
    assert scope["use"] == (1, store, store)
    _, (outcome,) = run_all(pipeline, {"x": 1})
    assert "needs a Store, and this run has none to hand out" in str(outcome.error)


def test_signatures_give_types():
    """Annotations that map are types; docstrings and unknown names do no harm."""

    def f(a: int, b: "list[str]", c: dict | None = None, d: "Unknown" = 1, e=2.5, *args, **kwargs):  # noqa: F821, UP037
        ...

    signature = signature_of(f)
    assert {n: p.type for n, p in signature.params.items()} == {
        "a": "integer", "b": "array", "c": "object", "d": "any", "e": "any",
    }  # fmt: skip
    assert signature.open
    assert signature.required == {"a", "b"}


def documented(source: str, by="carrier", *, limit=3):
    """Read.

    Parameters
    ----------
    source : str
        A CSV file,
        or a folder.
    by, limit
        What is counted.

    Returns
    -------
    object
        Something else.
    """


def test_docstrings_describe_params():
    """In numpy's style; what follows the section is no parameter."""
    params = Pipeline.from_functions("p", documented).params
    assert {name: param.description for name, param in params.items()} == {
        "source": "A CSV file, or a folder.",
        "by": "What is counted.",
        "limit": "What is counted.",
    }


def test_functions_that_share_a_param():
    """A default counts for both; two different ones cannot be meant."""

    def one(by: str, limit=3): ...

    def two(by="carrier", limit=3): ...

    def three(limit=5): ...

    params = Pipeline.from_functions("p", one, two).params
    assert {name: (param.type, param.default) for name, param in params.items()} == {
        "by": ("string", "carrier"),
        "limit": ("any", 3),
    }
    with pytest.raises(SpecError, match="'limit' is 5 by default here and 3 in a function before"):
        Pipeline.from_functions("p", one, three)
