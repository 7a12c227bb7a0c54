"""``%pforge config``: the defaults of a notebook, shown and set."""

from __future__ import annotations

import pytest


def test_config_shows_every_default_and_how_to_set_it(cell):
    shown = cell("%pforge config").result.set_index("name")
    assert set(shown.index) == {"state", "memory", "trust", "theme", "progress", "key"}
    assert shown.value["memory"] == "none"
    assert shown["set with"]["theme"] == "%pforge config theme=…"


def test_what_config_sets_holds_for_runs_that_are_started(cell, function_cell, pipeline_cell):
    for code in (
        "%pforge config state=memory:by-command",
        "%pforge config memory=settle,exact",
        function_cell,
        pipeline_cell,
    ):
        assert not cell(code).error
    run = cell("%pforge start").result
    assert run.state.url == "memory:by-command"
    assert run.step().memory.settled
    assert cell("%pforge config").result.set_index("name").value["memory"] == "settle, exact"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("theem=dark", "there is no default 'theem', did you mean 'theme'"),
        ("theme=drak", "cannot set theme: "),
        ("memory=setle", "no look at memory 'setle', did you mean 'settle'"),
        ("progress=perhaps", "cannot set progress: "),
        ("state=mongo://x", "'mongo://x' is no kind of store known here"),
        ("theme", "expected NAME=VALUE, not 'theme'"),
    ],
)
def test_what_cannot_be_set_is_one_line_and_changes_nothing(cell, line, told):
    before = cell("%pforge config").result
    error = cell(f"%pforge config {line}").error
    assert len(error) == 1, error
    assert told in error[0]
    assert cell("%pforge config").result.equals(before)
