"""What a stepper shows, and what HTML and text show of the same run: the same facts."""

from __future__ import annotations

import pytest

from pforge_lab.cli.shown import as_text
from pforge_lab.views import html, text
from pforge_lab.views.overview import overview, variable_rows
from pforge_lab.widgets import model
from pforge_lab.widgets.stepper import Stepper
from tests.markup import Reader, words


def seen(markup):
    """Return the words that a reader of HTML sees."""
    return Reader(markup).words


@pytest.fixture
def stepper(failed):
    """Return the stepper of a run that failed at its second step."""
    made = Stepper(failed)
    yield made
    made.close()


def test_html_and_text_of_a_run_are_the_same_words(stepper):
    """What stays of a stepper."""
    markup, plain = stepper.forms()
    assert seen(markup) == words(plain)


def test_steps_and_errors_of_a_stepper_are_those_of_the_table(stepper):
    """Label, status, time and position of each, the run's status, and the error."""
    _, plain = stepper.forms()
    for step in stepper.view["steps"]:
        line = next(
            line for line in plain.splitlines() if f" {step['label']} " in line and step["status"] in line
        )
        assert step["time"] in line
        assert step["at"] is None or str(step["at"]) in line.split()
    assert stepper.view["status"] in plain
    assert stepper.view["error"] in plain


def test_variables_of_a_stepper_are_those_of_the_table(failed):
    """Name, type, shape, change and preview; HTML and text are the same words."""
    rows = variable_rows(failed, 1)
    plain = text.variables_text(rows)
    assert seen(html.variables_html(rows)) == words(plain)
    shown = model.variables_page(failed, {"at": 1, "start": 0, "count": 100, "kept": None})["rows"]
    assert [row["name"] for row in shown] == [row.name for row in rows] == ["n", "limit", "numbers"]
    for row, line in zip(shown, plain.splitlines()[3:], strict=True):
        for fact in ("name", "type", "shape", "change", "preview"):
            assert row[fact] in line


def test_a_diff_in_a_stepper_is_that_of_the_text(failed):
    """Each variable that differs, before and after."""
    assert seen(model.diff_at(failed, 0, 1)) == words(text.diff_text(failed.diff(0, 1)))


@pytest.mark.parametrize("position", [1, None])
def test_a_record_in_a_stepper_is_that_of_the_text(position, failed):
    """Of a step that is done, and of the attempt that failed, with its traceback."""
    record = failed.attempt if position is None else failed.line_records[position - 1]
    assert seen(model.record_at(failed, position)) == words(text.record_text(record))


def test_a_preview_in_a_stepper_is_that_of_the_text(failed):
    """The chosen variable."""
    assert seen(model.preview_at(failed, 1, "numbers")["html"]) == words(
        text.preview_text(failed["numbers"], "numbers")
    )


def test_the_data_flow_is_drawn_as_it_is_listed(failed):
    """Every step and every variable of the table is in the picture and in the text of a shell."""
    flow = failed.pipeline.dataflow()
    drawn = " ".join(Reader(model.graph_of(failed)).text)
    told = as_text(flow)
    for step in failed.pipeline.labels:
        assert step in drawn
        assert step in told
    for variable in ("n", "numbers", "total"):
        assert variable in drawn
        assert variable in told


def test_runs_are_the_same_words_in_html_and_text(failed, done):
    """With what they take in their stores."""
    rows = [overview(run).summary for run in (failed, done)]
    sizes = {(row.place, row.id): 1_234_000 for row in rows}
    plain = text.runs_text(rows, sizes)
    assert seen(html.runs_html(rows, sizes)) == words(plain)
    assert plain.count("1.23 MB") == 2
