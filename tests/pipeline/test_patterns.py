"""The patterns that pforge describes work as they are written, and what it left for the future does too."""

from __future__ import annotations

import pytest

from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Step


@pytest.fixture
def pattern(run_all):
    """Return a function that runs steps in YAML with functions for their tools, and gives the final scope."""

    def run(steps, inputs=None, **functions):
        text = "name: pattern\ntools: []\nsteps:\n" + "\n".join(
            "  " + line for line in steps.strip("\n").splitlines()
        )
        data = {"name": "p"} | loads_unchecked(text)
        return run_all(Pipeline.from_dict(data, functions=functions), inputs)

    return run


def loads_unchecked(text):
    """Return the steps of a text whose tools are functions of the test."""
    from pforge_lab.pipeline.documents import parse

    return parse(text, "pattern").data


def unavailable(**_arguments):
    raise ConnectionError("source is down")


def test_accumulator(pattern):
    """Pages are collected in a list of templates; each page is the very object."""
    scope, _ = pattern(
        """
- { tool: fetch_page, input: { n: 1 }, output_var: page1 }
- { tool: fetch_page, input: { n: 2 }, output_var: page2 }
- tool: merge_pages
  input:
    pages: ["{{page1}}", "{{page2}}"]
  output_var: all_data
""",
        fetch_page=lambda n: [n, n],
        merge_pages=lambda pages: [item for page in pages for item in page],
    )
    assert scope["all_data"] == [1, 1, 2, 2]


FALLBACK = """
- tool: primary_source
  input: { key: "{{key}}" }
  output_var: data
  error_policy: continue
- tool: fallback_source
  input: { key: "{{key}}" }
  output_var: data
  condition: "!data"
"""


def test_primary_and_fallback(pattern):
    """The fallback runs only where the primary source has failed."""
    scope, outcomes = pattern(
        FALLBACK, {"key": 3}, primary_source=unavailable, fallback_source=lambda key: f"cached {key}"
    )
    assert (scope["data"], [o.status for o in outcomes]) == ("cached 3", ["failed", "done"])
    scope, outcomes = pattern(
        FALLBACK, {"key": 3}, primary_source=lambda key: f"fresh {key}", fallback_source=unavailable
    )
    assert (scope["data"], [o.status for o in outcomes]) == ("fresh 3", ["done", "skipped"])


@pytest.mark.parametrize(("enabled", "result"), [(True, "new 5"), (False, "old 5"), (None, "old 5")])
def test_feature_flags(pattern, enabled, result):
    """A flag chooses one of two branches with one result."""
    scope, _ = pattern(
        """
- { tool: check_feature, input: { feature: new_algorithm }, output_var: feature_enabled }
- { tool: new_algorithm, input: { data: "{{data}}" }, condition: feature_enabled, output_var: result }
- { tool: old_algorithm, input: { data: "{{data}}" }, condition: "!feature_enabled", output_var: result }
""",
        {"data": 5},
        check_feature=lambda feature: enabled,
        new_algorithm=lambda data: f"new {data}",
        old_algorithm=lambda data: f"old {data}",
    )
    assert scope["result"] == result


@pytest.mark.parametrize(("raw", "which"), [(3, "valid"), (-3, "invalid")])
def test_validation_gates(pattern, raw, which):
    """Fields of a result decide who goes on."""
    scope, outcomes = pattern(
        """
- { tool: validate_input, input: { data: "{{ raw }}" }, output_var: validation }
- { tool: process_valid, input: { data: "{{ raw }}" }, condition: validation.is_valid, output_var: valid }
- { tool: handle_invalid, input: { errors: "{{validation.errors}}" }, condition: "!validation.is_valid", output_var: invalid }
""",
        {"raw": raw},
        validate_input=lambda data: {"is_valid": data > 0, "errors": [] if data > 0 else ["negative"]},
        process_valid=lambda data: data * 2,
        handle_invalid=lambda errors: errors,
    )
    assert scope[which] == {"valid": 6, "invalid": ["negative"]}[which]
    assert sorted(o.status for o in outcomes) == ["done", "done", "skipped"]


def test_enrichment_in_parallel(pattern):
    """What pforge does one after the other, side by side; nested access included."""
    scope, _ = pattern(
        """
- { tool: get_user, input: { user_id: "{{ user_id }}" }, output_var: user }
- parallel:
    - { tool: get_preferences, input: { user_id: "{{ user.id }}" }, output_var: prefs }
    - { tool: get_address, input: { address_id: "{{ user.address_id }}" }, output_var: address }
- tool: merge_profile
  input: { user: "{{user}}", preferences: "{{prefs}}", address: "{{address}}" }
  output_var: profile
""",
        {"user_id": 7},
        get_user=lambda user_id: {"id": user_id, "address_id": 70},
        get_preferences=lambda user_id: ["dark"],
        get_address=lambda address_id: f"street {address_id}",
        merge_profile=lambda user, preferences, address: {
            **user,
            "preferences": preferences,
            "address": address,
        },
    )
    assert scope["profile"] == {"id": 7, "address_id": 70, "preferences": ["dark"], "address": "street 70"}


def test_cleanup_after_failure(pattern):
    """What was allocated is given back although a step has failed."""
    held = []
    _, outcomes = pattern(
        """
- { tool: allocate, output_var: resources }
- { tool: process, input: { res: "{{resources}}" }, error_policy: continue, output_var: result }
- { tool: cleanup, input: { res: "{{resources}}" }, condition: resources, error_policy: continue }
""",
        allocate=lambda: held.append("x") or held,
        process=lambda res: 1 / 0,
        cleanup=lambda res: res.clear(),
    )
    assert [o.status for o in outcomes] == ["done", "failed", "done"]
    assert held == []


@pytest.mark.parametrize("form", ["steps", "retry"])
def test_retries(pattern, form):
    """As pforge writes them with conditions, and in one word."""
    tried = []

    def attempt(**_arguments):
        tried.append(1)
        if len(tried) < 3:
            raise ConnectionError
        return "third"

    steps = """
- { tool: attempt, input: { n: 1 }, output_var: result, error_policy: continue }
- { tool: attempt, input: { n: 2 }, output_var: result, error_policy: continue, condition: "!result" }
- { tool: attempt, input: { n: 3 }, output_var: result, condition: "!result" }
"""
    retry = "- { tool: attempt, retry: { attempts: 3, backoff: 0 }, output_var: result }"
    scope, outcomes = pattern(steps if form == "steps" else retry, attempt=attempt)
    assert scope["result"] == "third"
    assert sum(o.attempts for o in outcomes) == 3


def test_map_and_reduce(pattern):
    """One call for each element, then one for all."""
    scope, outcomes = pattern(
        """
- { tool: count, foreach: "{{ texts }}", as: text, input: { text: "{{ text }}" }, max_parallel: 4, output_var: mapped }
- { tool: reduce, input: { mapped: "{{ mapped }}" }, output_var: final }
""",
        {"texts": ["a b", "c", "d e f"]},
        count=lambda text: len(text.split()),
        reduce=sum_of,
    )
    assert (scope["mapped"], scope["final"]) == ([2, 1, 3], 6)
    assert len(outcomes[0].children) == 3


def sum_of(mapped):
    return sum(mapped)


def sum_of_data(data):
    return sum(data)


def test_thresholds(pattern):
    """Conditions that pforge calls a future feature."""
    steps = """
- { tool: high_value_process, condition: "balance.value >= 1000", output_var: how }
- { tool: standard_process, condition: "balance.value < 1000", output_var: how }
"""
    tools = {"high_value_process": lambda: "high", "standard_process": lambda: "standard"}
    assert [pattern(steps, {"balance": {"value": v}}, **tools)[0]["how"] for v in (999, 1000)] == [
        "standard",
        "high",
    ]


def test_state_machine(pattern):
    """Init -> Fetching -> Processing -> Complete, with a loop that ends when all is there."""
    scope, outcomes = pattern(
        """
- { tool: init, label: Init, output_var: data, next: Fetching }
- { tool: complete, label: Complete, input: { total: "{{ total }}" }, output_var: report, next: end }
- tool: fetch
  label: Fetching
  input: { data: "{{ data }}" }
  output_var: data
  next:
    - { if: "data | length < 3", goto: Fetching }
    - { goto: Processing }
- { tool: process, label: Processing, input: { data: "{{ data }}" }, output_var: total, next: Complete }
""",
        init=list,
        fetch=lambda data: [*data, len(data)],
        process=sum_of_data,
        complete=lambda total: f"total {total}",
    )
    assert scope["report"] == "total 3"
    assert len(outcomes) == 6


def test_a_loop_that_does_not_end_is_ended(pattern):
    """``max_steps`` of the pipeline bounds a run; a thousand by default."""
    _, outcomes = pattern("- { tool: poll, next: poll }", poll=lambda: None)
    assert len(outcomes) == 1000


class Store:
    """A state manager of a test."""

    __handed_out_by_runs__ = True

    def __init__(self):
        self.count = 0


def increment(store: Store, by: int = 1):
    """Count in the store."""
    store.count += by
    return store.count


def test_a_counter_that_uses_its_state_manager(run_all):
    """The run hands its store to whoever asks for one by annotation."""
    store = Store()
    pipeline = Pipeline("p", steps=[Step(increment, input={"by": 2}, output_var="n")] * 3)
    assert run_all(pipeline, resources={Store: store})[0]["n"] == 6
