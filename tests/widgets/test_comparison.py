"""Two runs side by side, without a browser: what the page shows, and what stays when the kernel is gone."""

from __future__ import annotations

import pytest

import pforge_lab as pf


@pytest.fixture
def comparison(done, failed):
    """Return the comparison of a run that is done with one that failed."""
    made = done.compare(failed).ui()
    yield made
    made.close()


def test_steps_are_paired_with_their_records(comparison):
    """Each knows its place in the records of both runs; a step that one did not take has none there."""
    rows = comparison.view["steps"]
    assert [(row["label"], row["statuses"], row["at"]) for row in rows] == [
        ("numbers", ("done", "done"), [0, 0]),
        ("total", ("done", "not taken"), [1, None]),
    ]
    both, one = (comparison.record({"at": row["at"]}) for row in rows)
    assert all("numbers" in html for html in both)
    assert one[1] == ""


def test_variables_that_differ_are_shown_with_both_values(comparison):
    """And one that only one run has, with nothing beside it."""
    assert [row["name"] for row in comparison.view["variables"]] == ["n", "numbers", "total"]
    a, b = comparison.preview({"name": "numbers"})
    assert "3 items" in a
    assert "9 items" in b
    assert comparison.preview({"name": "total"})[1] == ""


def test_memory_of_both_is_drawn_to_one_scale(comparison):
    """Two pictures that carry their data."""
    assert all(html.startswith('<img class="pf-chart"') for html in comparison.memory({}))


def test_what_the_page_shows_is_what_stays(comparison, done, failed):
    """Widget, HTML and text tell the same: runs, steps, parameters, variables."""
    bundle, _ = comparison._repr_mimebundle_()
    facts = [done.id, failed.id, "not taken", "No variable differs"]
    for row in comparison.view["steps"]:
        facts += [row["label"], *row["statuses"], *row["times"], *row["peaks"], row["ratio"]]
    for row in comparison.view["variables"]:
        facts += [
            row["name"],
            row["change"],
            row["a"],
            *row["b"].split(" — "),
        ]  # what changed inside may stand below
    for fact in set(facts) - {"No variable differs"}:
        assert fact in bundle["text/plain"]
        assert fact in bundle["text/html"]


def test_runs_that_agree_say_so(done):
    """No variable differs, and the parameters are the same."""
    made = done.compare(done).ui()
    assert made.view["variables"] == []
    assert "The parameters are the same" in made.view["params"]
    assert made.view["no_variable"] in made._repr_mimebundle_()[0]["text/plain"]
    made.close()


def test_runs_of_thousands_of_steps_are_bounded(state):
    """The first 2,000 steps, and how many are left out."""

    def tick(count: int = 0):
        return count + 1

    steps = [pf.Step(tick, label=f"tick{place}") for place in range(2005)]
    run = pf.Pipeline("long", steps=steps).start(state="memory:long-compared")
    run.finish()
    made = run.compare(run).ui()
    assert len(made.view["steps"]) == 2000
    assert made.view["steps_left_out"] == 5
    made.close()
